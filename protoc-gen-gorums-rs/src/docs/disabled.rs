//! The parameter `disable_comments`.

/// The paths whose comments the user does not want.
#[derive(Debug)]
pub(crate) struct Disabled<'a> {
    paths: &'a [String],
}

impl<'a> Disabled<'a> {
    pub(crate) fn new(paths: &'a [String]) -> Self {
        Self { paths }
    }

    /// Whether one of the paths matches the full name: the name itself, its last parts, or, with a leading dot, its
    /// first parts.
    pub(crate) fn matches(&self, full_name: &str) -> bool {
        self.paths.iter().any(|path| match path.strip_prefix('.') {
            Some("") => true,
            Some(path) => continues(full_name.strip_prefix(path), |rest| rest.starts_with('.')),
            None => continues(full_name.strip_suffix(path.as_str()), |rest| {
                rest.ends_with('.')
            }),
        })
    }
}

fn continues(rest: Option<&str>, at_dot: impl Fn(&str) -> bool) -> bool {
    rest.is_some_and(|rest| rest.is_empty() || at_dot(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(path: &str, full_name: &str) -> bool {
        Disabled::new(&[path.to_owned()]).matches(full_name)
    }

    #[test]
    fn paths_match_whole_parts_of_names() {
        for path in [".", ".a", ".a.B", ".a.B.c", "c", "B.c", "a.B.c"] {
            assert!(matches(path, "a.B.c"), "{path}");
        }
        for path in [".B", ".a.B.c.d", ".a.BB", "B", "b.c", "BB.c"] {
            assert!(!matches(path, "a.B.c"), "{path}");
        }
    }
}
