//! `media-concat`: joins media fragments into one file without re-encoding.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
