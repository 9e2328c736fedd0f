//! A problem with the input, in the form that protoc shows.

use std::fmt;

/// One problem with the input, and what to do about it.
///
/// Displayed as `file.proto:line: Service.Method: what is wrong; what to do`, without the parts that are unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    file: Option<String>,
    line: Option<u32>,
    subject: Option<String>,
    text: String,
}

impl Problem {
    /// A problem that is not about a file; `text` is "what is wrong; what to do".
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            file: None,
            line: None,
            subject: None,
            text: text.into(),
        }
    }

    /// A problem of the file.
    pub(crate) fn in_file(file: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            file: Some(file.into()),
            ..Self::new(text)
        }
    }

    /// Sets the line in the file, if it is known.
    pub(crate) fn at(mut self, line: Option<u32>) -> Self {
        self.line = line;
        self
    }

    /// Sets the service, method, message or field.
    pub(crate) fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// The `.proto` file, as it was imported.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The line in the file, counted from 1; `None` if the descriptors have no source information.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// The service, method, message or field.
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// What is wrong and what to do.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: ")?,
            (Some(file), None) => write!(f, "{file}: ")?,
            (None, _) => {}
        }
        if let Some(subject) = &self.subject {
            write!(f, "{subject}: ")?;
        }
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_leaves_out_what_is_not_known() {
        let whole = Problem::in_file("a.proto", "is wrong; mend it")
            .at(Some(3))
            .about("S.M");
        assert_eq!(whole.to_string(), "a.proto:3: S.M: is wrong; mend it");
        let no_line = Problem::in_file("a.proto", "is wrong").about("S.M");
        assert_eq!(no_line.to_string(), "a.proto: S.M: is wrong");
        assert_eq!(Problem::new("is wrong").to_string(), "is wrong");
    }
}
