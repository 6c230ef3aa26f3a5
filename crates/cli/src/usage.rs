//! What is said when the command line is wrong, or asks for help.

use std::process::ExitCode;

use clap::error::ErrorKind;

use crate::{failure::Failure, one_line, output};

/// Prints help where it was asked for. Everything else that the parser does not let through is a mistake.
pub(crate) fn explain(error: &clap::Error) -> Result<ExitCode, Failure> {
    let kind = error.kind();
    if matches!(kind, ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return output::written(error.print()).map(|()| ExitCode::SUCCESS);
    }
    if kind == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Err(Failure::Usage("no command is given; see 'quorate --help'".to_owned()));
    }
    Err(Failure::Usage(mistake(&error.to_string())))
}

/// The mistake itself, out of the several paragraphs that the parser writes about it.
fn mistake(rendered: &str) -> String {
    let said: Vec<&str> = rendered
        .lines()
        .take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more information"))
        .collect();
    let said = one_line(&said.join(" "));
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    format!("{said}; see --help")
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::Cli;

    fn mistake_in(line: &str) -> String {
        let words = ["quorate"].into_iter().chain(line.split_whitespace());
        mistake(&Cli::try_parse_from(words).unwrap_err().to_string())
    }

    #[test]
    fn a_mistake_is_one_line_that_names_flag_and_rule() {
        let register = "register payments --id a --address 10.0.0.1";
        let long = "x".repeat(129);
        let cases = [
            (format!("{register} --port 0"), vec!["--port", "1–65535", "see --help"]),
            (format!("{register} --port 65536"), vec!["--port", "1–65535"]),
            (
                format!("{register} --port 80 --weight 65536"),
                vec!["--weight", "0–65535"],
            ),
            (
                "register payments --id a --address a_b --port 80".to_owned(),
                vec!["--address", "host name"],
            ),
            (format!("resolve {long}"), vec!["<SERVICE>", "1–128"]),
            ("resolve ä".to_owned(), vec!["<SERVICE>", "A-Z a-z 0-9"]),
            (format!("drain payments --id {long}"), vec!["--id", "1–128"]),
            (register.to_owned(), vec!["--port", "required"]),
            (
                format!("{register} --port 80 --ttl 5s --persistent"),
                vec!["--ttl", "--persistent"],
            ),
            (
                "resolve payments --consistency bounded=0ms".to_owned(),
                vec!["--consistency", "500ms"],
            ),
            ("services --timeout 5".to_owned(), vec!["--timeout", "5s"]),
            (
                "services --endpoints 127.0.0.1".to_owned(),
                vec!["--endpoints", "host:port"],
            ),
            ("resolv payments".to_owned(), vec!["resolv", "resolve"]),
        ];
        for (line, parts) in cases {
            let said = mistake_in(&line);
            assert!(!said.contains('\n'), "{said}");
            for part in parts {
                assert!(said.contains(part), "{line}: {said}");
            }
        }
    }
}
