//! What a campaign to 100,000 recipients costs at list prices, from what a campaign of the same kind was counted to take.

use std::collections::BTreeMap;

use domain::delivery::{CHUNK_SIZE, Channel};
use domain::preflight::PRICES;

use super::campaign::{self, Case, Run, SES_NEW, WHATSAPP};
use super::{Error, Figure, Options, Report, Table, as_f64};
use crate::harness::Turn;

const NAME: &str = "cost";
const RECIPIENTS: f64 = 100_000.0;
/// The campaign that is counted; its figures are multiplied, which calls per recipient being flat allows.
const COUNTED: u32 = 10_000;

/// List prices of AWS in US dollars without tax and free tiers, gone over on 23 November 2026. Each names its usage type in the price
/// list, by which `aws pricing get-products --service-code … --filters Type=TERM_MATCH,Field=usagetype,Value=…` gives it afresh.
/// Those of SES and Meta are preflight's own.
mod price {
    /// Per million; `APS3-WriteRequestUnits` of `AmazonDynamoDB`, price list of ap-south-1 as quoted on 17 September 2026.
    /// <https://aws.amazon.com/dynamodb/pricing/on-demand/>
    pub(super) const DYNAMODB_WRITE_UNITS: f64 = 0.71;
    /// Per million; `APS3-ReadRequestUnits`, the same.
    pub(super) const DYNAMODB_READ_UNITS: f64 = 0.1425;
    /// Per million; `APS3-Request` of `AWSLambda`, the same. <https://aws.amazon.com/lambda/pricing/>
    pub(super) const LAMBDA_REQUESTS: f64 = 0.20;
    /// Per million gigabyte-seconds on arm64; `APS3-Lambda-GB-Second-ARM`, first tier, the same.
    pub(super) const LAMBDA_GB_SECONDS: f64 = 13.3334;
    /// Per million; standard queues, as quoted for us-east-1 in March 2026: ap-south-1's was not seen. A tenth of a dollar more for
    /// messages with a group, as chunks have: less than a cent here. <https://aws.amazon.com/sqs/pricing/>
    pub(super) const SQS_REQUESTS: f64 = 0.40;
    /// Per million; deliveries to SQS are free. Us-east-1's: ap-south-1's was not seen. <https://aws.amazon.com/sns/pricing/>
    pub(super) const SNS_PUBLISHES: f64 = 0.50;
    /// Per million; `APS3-ApiGatewayHttpRequest` of `AmazonApiGateway`, price list of ap-south-1.
    /// <https://aws.amazon.com/api-gateway/pricing/>
    pub(super) const API_REQUESTS: f64 = 1.05;
    /// Per million, as quoted in March 2026 for us-east-1. <https://aws.amazon.com/eventbridge/pricing/>
    pub(super) const SCHEDULER_INVOCATIONS: f64 = 1.00;
}

/// A campaign's deadline, a reminder and an escalation.
const SCHEDULES: f64 = 3.0;
/// Events of a message: SES's Send and Delivery; Meta's sent, delivered and read, each in a request of its own.
const EMAIL_EVENTS: f64 = 2.0;
const WHATSAPP_EVENTS: f64 = 3.0;
/// Lambda's pollers receive and delete ten messages at once.
const POLLED: f64 = 10.0;

/// Runs the suite.
///
/// # Errors
/// When a campaign does not end with every message delivered.
pub fn run(_: &Options) -> Result<Report, Error> {
    let of = |channel, per_second| {
        campaign::run(Case {
            channel,
            recipients: COUNTED,
            per_second,
        })
    };
    let email = email(&of(Channel::Email, SES_NEW)?);
    let whatsapp = whatsapp(&of(Channel::Whatsapp, WHATSAPP)?);
    let mut report = Report {
        title: format!("Cost of a campaign to {RECIPIENTS:.0} recipients, list prices of ap-south-1 where they were seen"),
        table: Table {
            header: ["item", "e-mail: quantity", "e-mail: $", "WhatsApp: quantity", "WhatsApp: $"]
                .map(str::to_owned)
                .into(),
            rows: Vec::new(),
        },
        figures: Vec::new(),
        notes: vec![
            format!(
                "Counted on {COUNTED} recipients (e-mail at {SES_NEW}/s, WhatsApp at {WHATSAPP}/s) and multiplied; DynamoDB's units are those its \
                 answers named. Without tax, free tiers, logs, alarms and storage."
            ),
            format!(
                "Assumed: an e-mail sender waits for its slot as long as two chunks take, a WhatsApp sender runs 3 s, a planner 40 s, a batch of \
                 events or records 2 s, a webhook 20 ms, at the template's memory; {EMAIL_EVENTS} events an e-mail, {WHATSAPP_EVENTS} a WhatsApp \
                 message, each posted alone; {SCHEDULES} schedules."
            ),
            format!(
                "SES and Meta: preflight's prices of {}, a dollar at {:.2} rupees; the total is with utility messages.",
                PRICES.as_of,
                rupees_per_dollar()
            ),
        ],
    };
    let items: Vec<&'static str> = ITEMS
        .iter()
        .copied()
        .filter(|item| email.contains_key(item) || whatsapp.contains_key(item))
        .collect();
    for item in items {
        let cells = |lines: &Lines| match lines.get(item) {
            Some(line) => [format!("{:.0}", line.quantity), format!("{:.4}", line.dollars)],
            None => ["".to_owned(), "".to_owned()],
        };
        let [e_mails, e_dollars] = cells(&email);
        let [w_mails, w_dollars] = cells(&whatsapp);
        report.table.rows.push(vec![item.to_owned(), e_mails, e_dollars, w_mails, w_dollars]);
    }
    for (channel, lines) in [("email", &email), ("whatsapp", &whatsapp)] {
        for (item, line) in lines {
            let name = item.replace([' ', ','], "_").replace("__", "_").to_lowercase();
            report.figures.push(Figure::new(format!("{NAME}.{channel}.{name}.usd"), line.dollars));
        }
        let total = |is_ours: bool| -> f64 {
            let charged = lines.iter().filter(|(item, _)| **item != META_MARKETING);
            charged
                .filter(|(item, _)| !is_ours || !PROVIDERS.contains(item))
                .map(|(_, line)| line.dollars)
                .sum()
        };
        for (name, dollars) in [("without_provider", total(true)), ("total", total(false))] {
            report.figures.push(Figure::new(format!("{NAME}.{channel}.{name}.usd"), dollars));
        }
    }
    for (title, name) in [("all but the provider", "without_provider"), ("all", "total")] {
        let dollars = |channel: &str| {
            let key = format!("{NAME}.{channel}.{name}.usd");
            report.figures.iter().find(|figure| figure.key == key).map_or(0.0, |figure| figure.value)
        };
        let row = vec![
            title.to_owned(),
            String::new(),
            format!("{:.2}", dollars("email")),
            String::new(),
            format!("{:.2}", dollars("whatsapp")),
        ];
        report.table.rows.push(row);
    }
    Ok(report)
}

const SES_MESSAGES: &str = "SES messages";
const META_UTILITY: &str = "Meta utility messages";
const META_MARKETING: &str = "Meta marketing messages instead";
const PROVIDERS: [&str; 3] = [SES_MESSAGES, META_UTILITY, META_MARKETING];
const WRITE_UNITS: &str = "DynamoDB write units";
const READ_UNITS: &str = "DynamoDB read units";
const LAMBDA_REQUESTS: &str = "Lambda requests";
const LAMBDA_GB_SECONDS: &str = "Lambda GB-seconds";
const SQS_REQUESTS: &str = "SQS requests";
const SNS_PUBLISHES: &str = "SNS publishes";
const API_REQUESTS: &str = "API Gateway requests";
const SCHEDULER: &str = "Scheduler invocations";
/// In the order of the table.
const ITEMS: [&str; 11] = [
    WRITE_UNITS,
    READ_UNITS,
    LAMBDA_REQUESTS,
    LAMBDA_GB_SECONDS,
    SQS_REQUESTS,
    SNS_PUBLISHES,
    API_REQUESTS,
    SCHEDULER,
    SES_MESSAGES,
    META_UTILITY,
    META_MARKETING,
];

struct Line {
    quantity: f64,
    dollars: f64,
}

type Lines = BTreeMap<&'static str, Line>;

fn line(lines: &mut Lines, item: &'static str, quantity: f64, per_million: f64) {
    let dollars = quantity * per_million / 1e6;
    lines.insert(item, Line { quantity, dollars });
}

fn email(run: &Run) -> Lines {
    let chunk = f64::from(u32::try_from(CHUNK_SIZE).unwrap_or(u32::MAX));
    // Two senders take turns.
    let sender = (Turn::Send, 512.0, 2.0 * chunk / f64::from(SES_NEW));
    let mut lines = common(run, &[sender, (Turn::Events, 512.0, 2.0)]);
    let events = RECIPIENTS * EMAIL_EVENTS;
    more(&mut lines, SQS_REQUESTS, events + 2.0 * events / POLLED, price::SQS_REQUESTS);
    line(&mut lines, SNS_PUBLISHES, events, price::SNS_PUBLISHES);
    let micros = |micros: u64| f64::from(u32::try_from(micros).unwrap_or(u32::MAX));
    line(&mut lines, SES_MESSAGES, RECIPIENTS, micros(PRICES.ses_usd_micros_per_1000) / 1e3);
    lines
}

fn whatsapp(run: &Run) -> Lines {
    let mut lines = common(run, &[(Turn::SendWhatsapp, 512.0, 3.0), (Turn::WhatsappEvents, 512.0, 2.0)]);
    let posts = RECIPIENTS * WHATSAPP_EVENTS;
    more(&mut lines, LAMBDA_REQUESTS, posts, price::LAMBDA_REQUESTS);
    more(&mut lines, LAMBDA_GB_SECONDS, posts * 0.5 * 0.02, price::LAMBDA_GB_SECONDS);
    more(&mut lines, SQS_REQUESTS, posts + 2.0 * posts / POLLED, price::SQS_REQUESTS);
    line(&mut lines, API_REQUESTS, posts, price::API_REQUESTS);
    let per_million = |paise_per_1000: u64| f64::from(u32::try_from(paise_per_1000).unwrap_or(u32::MAX)) * 10.0 / rupees_per_dollar();
    line(&mut lines, META_UTILITY, RECIPIENTS, per_million(PRICES.whatsapp_utility_paise_per_1000));
    line(
        &mut lines,
        META_MARKETING,
        RECIPIENTS,
        per_million(PRICES.whatsapp_marketing_paise_per_1000),
    );
    lines
}

/// What both channels take; of the workers of one, memory in MB and seconds are given.
fn common(run: &Run, workers: &[(Turn, f64, f64)]) -> Lines {
    let scale = RECIPIENTS / f64::from(COUNTED);
    let mut lines = Lines::new();
    let units = |is_read: bool| -> f64 {
        let reads = ["GetItem", "BatchGetItem", "Query"];
        let wanted = run.units.iter().filter(|(operation, _)| reads.contains(&operation.as_str()) == is_read);
        wanted.map(|(_, units)| units).sum::<f64>() * scale
    };
    line(&mut lines, WRITE_UNITS, units(false), price::DYNAMODB_WRITE_UNITS);
    line(&mut lines, READ_UNITS, units(true), price::DYNAMODB_READ_UNITS);
    let invocations = |turn: Turn| as_f64(run.invocations.get(&turn).copied().unwrap_or(0)) * scale;
    let mut requests = 0.0;
    let mut gb_seconds = 0.0;
    for (turn, megabytes, seconds) in [(Turn::Plan, 1024.0, 40.0), (Turn::Stream, 512.0, 2.0)].iter().chain(workers) {
        requests += invocations(*turn);
        gb_seconds += invocations(*turn) * megabytes / 1024.0 * seconds;
    }
    line(&mut lines, LAMBDA_REQUESTS, requests, price::LAMBDA_REQUESTS);
    line(&mut lines, LAMBDA_GB_SECONDS, gb_seconds, price::LAMBDA_GB_SECONDS);
    // Chunk messages are received and deleted one by one.
    let chunks = invocations(Turn::Send) + invocations(Turn::SendWhatsapp);
    let sent = as_f64(run.calls.get("SendMessageBatch").copied().unwrap_or(0)) * scale;
    line(&mut lines, SQS_REQUESTS, sent + 2.0 * chunks, price::SQS_REQUESTS);
    line(&mut lines, SCHEDULER, SCHEDULES, price::SCHEDULER_INVOCATIONS);
    lines
}

fn more(lines: &mut Lines, item: &'static str, quantity: f64, per_million: f64) {
    let before = lines.get(item).map_or(0.0, |line| line.quantity);
    line(lines, item, before + quantity, per_million);
}

fn rupees_per_dollar() -> f64 {
    f64::from(u32::try_from(PRICES.paise_per_usd).unwrap_or(u32::MAX)) / 100.0
}
