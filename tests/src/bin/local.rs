//! `make local`: brings the whole product up on this machine and keeps it up until Ctrl-C.
#![expect(clippy::print_stdout, reason = "a program for a person at a terminal")]

use std::process::ExitCode;

use clap::Parser;
use tests::local::{Error, LocalStack, Options, PortChoice, TEMPLATE, prepare};

/// Runs MSME Campaign Central on this machine: the real template on an emulated AWS, with an inbox in place of e-mail and WhatsApp.
#[derive(Parser)]
struct Arguments {
    /// Port of the API; 0 picks a free one.
    #[arg(long, env = "API_PORT", default_value_t = 8080)]
    api_port: u16,
    /// Port of the inbox page, which is also the SES simulator; 0 picks a free one.
    #[arg(long, env = "INBOX_PORT", default_value_t = 8025)]
    inbox_port: u16,
    /// Port of the page of WhatsApp conversations, which is also the WhatsApp simulator; 0 picks a free one.
    #[arg(long, env = "WHATSAPP_PORT", default_value_t = 8026)]
    whatsapp_port: u16,
    /// Port of MiniStack, the AWS endpoint; 0 picks a free one.
    #[arg(long, env = "MINISTACK_PORT", default_value_t = 4566)]
    ministack_port: u16,
    /// Messages a second the stack may send.
    #[arg(long, env = "SEND_RATE", default_value_t = 200)]
    send_rate: u32,
    /// Install the tools and build the functions, then stop.
    #[arg(long)]
    prepare_only: bool,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\n{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Error> {
    let port = |port| if port == 0 { PortChoice::Free } else { PortChoice::Fixed(port) };
    let options = Options {
        gateway_port: port(arguments.api_port),
        simulator_port: port(arguments.inbox_port),
        whatsapp_port: port(arguments.whatsapp_port),
        ministack_port: port(arguments.ministack_port),
        send_rate: arguments.send_rate,
        ..Options::for_person()
    };
    prepare(&options)?;
    if arguments.prepare_only {
        return Ok(());
    }
    let stack = LocalStack::start(options).await?;

    println!("\nMSME Campaign Central is running.\n");
    for (name, value) in stack.environment().iter().take(7) {
        println!("  {name:<18} {value}");
    }
    println!("\n  The WhatsApp template {TEMPLATE} is approved in \"en\"; on the page of conversations you answer as the vendor.");
    println!("  The same, and the settings of the functions, are in .local/env; logs are in .local/log. Ctrl-C stops everything.");

    stop_requested().await;
    println!("\nStopping …");
    stack.stop().await;
    Ok(())
}

/// Returns when the person, or whatever supervises us, wants the stack to end.
async fn stop_requested() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminated) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminated.recv() => {}
            }
            return;
        }
    }
    let _ = tokio::signal::ctrl_c().await;
}
