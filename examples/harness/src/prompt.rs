//! A prompt: a command per line, from a terminal or a script.

use std::fmt::Display;
use std::io::{self, BufRead, IsTerminal, Write};
use std::process::ExitCode;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;

/// The command that ends each prompt, and what it does.
pub const EXIT: (&str, &str) = ("exit", "end the client; quit does the same");

/// Why a line is not a command.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CommandError {
    /// No command has this name.
    #[error("there is no command {0:?}; help lists the commands")]
    Unknown(String),
    /// The command has other arguments.
    #[error("usage: {0}")]
    Usage(&'static str),
}

impl CommandError {
    /// Why `words` are not one of `commands`, each of which has its usage and its meaning.
    pub fn of(words: &[&str], commands: &[(&'static str, &str)]) -> Self {
        let name = words.first().copied().unwrap_or_default();
        let usages = commands.iter().map(|(usage, _)| *usage);
        let mut named = usages.filter(|usage| usage.split(' ').next() == Some(name));
        match named.next() {
            Some(usage) => Self::Usage(usage),
            None => Self::Unknown(name.to_owned()),
        }
    }
}

/// Why there is no prompt, or no further command.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// Reading standard input or writing standard output failed.
    #[error("cannot read commands or write answers: {0}")]
    Terminal(#[from] io::Error),
    /// The terminal failed.
    #[error("the terminal failed: {0}")]
    LineEditor(#[from] ReadlineError),
}

/// Lets `answer` answer each line of standard input, which it gets as words, split as a shell does, and to whose output it
/// writes. Empty lines and comments are left out, and `exit` or `quit` ends the prompt. Errors go to standard error. A
/// person sees `welcome` first.
///
/// Without a terminal, the exit code says whether a command failed.
///
/// # Errors
///
/// If standard input or output, or the terminal, fails.
pub fn run<E: Display>(
    welcome: &str,
    mut answer: impl FnMut(&[&str], &mut Output) -> Result<(), E>,
) -> Result<ExitCode, PromptError> {
    let mut input = Input::new()?;
    let mut out = Output::default();
    let is_terminal = matches!(input, Input::Terminal(_));
    if is_terminal {
        writeln!(out, "{welcome}; help lists the commands")?;
    }
    let mut failed = false;
    let mut fail = |error: &dyn Display| {
        eprintln!("{error}");
        failed = true;
    };
    while let Some(line) = input.next()? {
        let words = match split(&line) {
            Ok(words) => words,
            Err(error) => {
                fail(&error);
                continue;
            }
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match words[..] {
            [] => {}
            ["exit" | "quit"] => break,
            _ => {
                let answered = answer(&words, &mut out);
                out.check()?;
                if let Err(error) = answered {
                    fail(&error);
                }
            }
        }
    }
    Ok(match failed && !is_terminal {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}

/// The words of a line, split as a shell does; none of a comment.
fn split(line: &str) -> Result<Vec<String>, &'static str> {
    shell_words::split(line).map_err(|_| "a quote is not closed")
}

/// Writes commands and what they do, in two aligned columns.
///
/// # Errors
///
/// If it cannot be written.
pub fn help(commands: &[(&str, &str)], out: &mut impl Write) -> io::Result<()> {
    let commands = commands.iter().chain([&EXIT]);
    let width = commands.clone().map(|(usage, _)| usage.len()).max();
    for (usage, meaning) in commands {
        writeln!(out, "{usage:width$}  {meaning}", width = width.unwrap_or(0))?;
    }
    Ok(())
}

/// Standard output. It is not locked between writes, and remembers the first failure, which ends the prompt.
#[derive(Debug, Default)]
pub struct Output {
    failure: Option<io::Error>,
}

impl Output {
    fn check(&mut self) -> io::Result<()> {
        let flushed = self.flush();
        self.failure.take().map_or(flushed, Err)
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().write(bytes).map_err(|error| {
            let kind = error.kind();
            self.failure.get_or_insert(error);
            kind.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().flush()
    }
}

/// The lines on standard input.
enum Input {
    /// From a person, with editing and history.
    Terminal(Box<DefaultEditor>),
    /// From a script.
    Script(io::Lines<io::StdinLock<'static>>),
}

impl Input {
    fn new() -> Result<Self, PromptError> {
        Ok(if io::stdin().is_terminal() {
            Self::Terminal(Box::new(DefaultEditor::new()?))
        } else {
            Self::Script(io::stdin().lock().lines())
        })
    }

    /// The next line; none after the last.
    fn next(&mut self) -> Result<Option<String>, PromptError> {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_may_be_quoted_and_empty() {
        let words = |line| split(line).expect("all quotes are closed");
        assert_eq!(words("write k v"), ["write", "k", "v"]);
        let quoted = words("  write 'a key' \"a value\" ");
        assert_eq!(quoted, ["write", "a key", "a value"]);
        assert_eq!(words("write k ''"), ["write", "k", ""]);
        assert_eq!(words(r"write k a\ b"), ["write", "k", "a b"]);
        assert!(split("write k 'v").is_err());
    }

    #[test]
    fn empty_lines_and_comments_have_no_words() {
        for line in ["", "   ", "# a comment"] {
            assert_eq!(split(line), Ok(Vec::new()), "{line:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_command_says_why() {
        let commands = [("read KEY", "print a value"), ("help", "print this list")];
        let usage = CommandError::of(&["read", "a", "b"], &commands);
        assert_eq!(usage, CommandError::Usage("read KEY"));
        let unknown = CommandError::of(&["reed", "a"], &commands);
        assert_eq!(unknown, CommandError::Unknown("reed".to_owned()));
    }
}
