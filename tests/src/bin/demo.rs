//! `make demo`: the main job from nothing, on a stack of its own, with a ledger at the end.
#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use tests::demo;
use tests::local::{LocalStack, Options, PortChoice, prepare};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run().await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("the ledger does not balance");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("\ndemo stopped: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<bool, Box<dyn std::error::Error>> {
    let started = Instant::now();
    let vendors = std::env::var_os("VENDORS")
        .filter(|path| !path.is_empty())
        .map_or_else(demo::sample_vendors, PathBuf::from);
    if !vendors.is_file() {
        return Err(format!("VENDORS={} is not a file", vendors.display()).into());
    }
    let person = Options::for_person();
    // Free ports and a directory of its own: the demo runs beside `make local`.
    let options = Options {
        work_dir: person.root.join(".local/demo"),
        log_dir: person.root.join(".local/log/demo"),
        environment_file: None,
        ministack_port: PortChoice::Free,
        gateway_port: PortChoice::Free,
        simulator_port: PortChoice::Free,
        whatsapp_port: PortChoice::Free,
        ..person
    };
    prepare(&options)?;
    let stack = LocalStack::start(options).await?;
    println!(
        "\nThe stack is up: API {}, inbox {}, WhatsApp {}\n",
        stack.api_url(),
        stack.inbox_url(),
        stack.conversations_url()
    );
    let result = demo::run(&stack, &vendors, started, &mut |line| println!("{line}")).await;
    stack.stop().await;
    let summary = result?;
    println!("\n{summary}");
    Ok(summary.balanced)
}
