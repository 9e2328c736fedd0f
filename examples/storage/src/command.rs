//! What the user can say to the client.

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Nothing: it is empty or a comment.
    Nothing,
    /// That there is no more to come.
    Exit,
    /// A command.
    Command(Command),
}

/// A command that has an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Read { key: String },
    Write { key: String, value: String },
    Nodes,
    Help,
}

/// Why a line is not a command.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CommandError {
    #[error("a quotation is not closed")]
    Quotation,
    #[error("there is no command {0:?}; say help to see them all")]
    Unknown(String),
    #[error("usage: {0}")]
    Usage(&'static str),
}

/// The commands and what they do, in the order in which help shows them.
pub(crate) const COMMANDS: [(&str, &str); 5] = [
    (
        READ,
        "the newest value of KEY at a majority of the replicas",
    ),
    (WRITE, "write VALUE to KEY at a majority of the replicas"),
    (NODES, "the replicas' ids and addresses"),
    (HELP, "this list; quote an argument that has spaces in it"),
    (EXIT, "end the client"),
];

const READ: &str = "read KEY";
const WRITE: &str = "write KEY VALUE";
const NODES: &str = "nodes";
const HELP: &str = "help";
const EXIT: &str = "exit";

impl Line {
    /// Takes a line apart as a shell would.
    pub(crate) fn parse(line: &str) -> Result<Self, CommandError> {
        let words = shell_words::split(line).map_err(|_| CommandError::Quotation)?;
        let Some((name, arguments)) = words.split_first() else {
            return Ok(Self::Nothing);
        };
        let command = match (name.as_str(), arguments) {
            ("read", [key]) => Command::Read { key: key.clone() },
            ("read", _) => return Err(CommandError::Usage(READ)),
            ("write", [key, value]) => Command::Write {
                key: key.clone(),
                value: value.clone(),
            },
            ("write", _) => return Err(CommandError::Usage(WRITE)),
            ("nodes", []) => Command::Nodes,
            ("nodes", _) => return Err(CommandError::Usage(NODES)),
            ("help", []) => Command::Help,
            ("help", _) => return Err(CommandError::Usage(HELP)),
            ("exit", []) => return Ok(Self::Exit),
            ("exit", _) => return Err(CommandError::Usage(EXIT)),
            _ => return Err(CommandError::Unknown(name.clone())),
        };
        Ok(Self::Command(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &str, value: &str) -> Result<Line, CommandError> {
        Ok(Line::Command(Command::Write {
            key: key.to_string(),
            value: value.to_string(),
        }))
    }

    #[test]
    fn arguments_may_be_quoted_and_empty() {
        assert_eq!(Line::parse("write k v"), write("k", "v"));
        let quoted = Line::parse("  write 'a key' \"a value\" ");
        assert_eq!(quoted, write("a key", "a value"));
        assert_eq!(Line::parse("write k ''"), write("k", ""));
        assert_eq!(Line::parse(r"write k a\ b"), write("k", "a b"));
    }

    #[test]
    fn empty_lines_and_comments_say_nothing() {
        for line in ["", "   ", "# a comment"] {
            assert_eq!(Line::parse(line), Ok(Line::Nothing), "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        for (line, why) in [
            ("write k", CommandError::Usage(WRITE)),
            ("read", CommandError::Usage(READ)),
            ("read a b", CommandError::Usage(READ)),
            ("nodes all", CommandError::Usage(NODES)),
            ("exit now", CommandError::Usage(EXIT)),
            ("write k 'v", CommandError::Quotation),
            ("reed k", CommandError::Unknown("reed".to_string())),
        ] {
            assert_eq!(Line::parse(line), Err(why), "{line:?}");
        }
    }
}
