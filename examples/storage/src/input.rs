//! The source of commands: a terminal or a script.

use std::io::{self, BufRead, IsTerminal};

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

use crate::error::Error;

/// The lines on standard input.
pub(crate) enum Input {
    /// From a person, with editing and history.
    Terminal(Box<DefaultEditor>),
    /// From a script.
    Script(io::Lines<io::StdinLock<'static>>),
}

impl Input {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(if io::stdin().is_terminal() {
            Self::Terminal(Box::new(DefaultEditor::new()?))
        } else {
            Self::Script(io::stdin().lock().lines())
        })
    }

    pub(crate) fn is_terminal(&self) -> bool {
        matches!(self, Self::Terminal(_))
    }

    /// The next line; none after the last.
    pub(crate) fn next(&mut self) -> Result<Option<String>, Error> {
        match self {
            Self::Terminal(editor) => match editor.readline("> ") {
                Ok(line) => {
                    editor.add_history_entry(&line)?;
                    Ok(Some(line))
                }
                Err(ReadlineError::Eof | ReadlineError::Interrupted) => Ok(None),
                Err(error) => Err(error.into()),
            },
            Self::Script(lines) => Ok(lines.next().transpose()?),
        }
    }
}
