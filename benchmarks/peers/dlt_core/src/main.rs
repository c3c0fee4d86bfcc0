//! Parses DLT files with dlt-core and does nothing with the messages: the crate's own speed.
//!
//! For each file a line of four fields with tabs between: the file, messages parsed, messages that
//! it announced as unreadable and went past, and how it ended (`end`, an error, or `panic`).

use dlt_core::parse::{DltParseError, ParsedMessage};
use dlt_core::read::{read_message, DltMessageReader};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::{env, fs::File};

fn parse(path: &str, parsed: &mut u64, unreadable: &mut u64) -> String {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) => return error.to_string(),
    };
    let mut reader = DltMessageReader::new(file, true);
    loop {
        match read_message(&mut reader, None) {
            Ok(Some(ParsedMessage::Item(_))) => *parsed += 1,
            Ok(Some(_)) => {}
            Ok(None) => return "end".to_string(),
            Err(DltParseError::ParsingHickup(_)) => *unreadable += 1,
            Err(error) => return error.to_string(),
        }
    }
}

fn main() {
    for path in env::args().skip(1) {
        let (mut parsed, mut unreadable) = (0, 0);
        let ending = catch_unwind(AssertUnwindSafe(|| parse(&path, &mut parsed, &mut unreadable)))
            .unwrap_or_else(|_| "panic".to_string());
        println!("{path}\t{parsed}\t{unreadable}\t{}", ending.replace(['\t', '\n'], " "));
    }
}
