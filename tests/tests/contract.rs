//! The template, the document, the event samples and the code say the same.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use aws_lambda_events::event::dynamodb::Event as StreamEvent;
use aws_lambda_events::event::sqs::SqsEvent;
use domain::user::Role;
use runtime::{Access, Route, Var};
use serde_json::Value;
use serde_yaml::Value as Yaml;
use tests::catalogue;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// `vendors-create` → `VendorsCreateFunction`.
fn logical_id(name: &str) -> String {
    let words = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect::<String>() + "Function"
}

/// Every function's name, and the settings its code declares.
fn functions() -> BTreeMap<&'static str, BTreeSet<Var>> {
    let mut functions: BTreeMap<&'static str, BTreeSet<Var>> = BTreeMap::new();
    for route in catalogue::routes() {
        functions.entry(route.name).or_default().extend(route.settings());
    }
    for worker in catalogue::queue_workers() {
        functions.entry(worker.name).or_default().extend(worker.needs);
    }
    for worker in catalogue::stream_workers() {
        functions.entry(worker.name).or_default().extend(worker.needs);
    }
    functions
}

// ---- template ----------------------------------------------------------------------------------------------------------

/// A value without CloudFormation's tags: `!GetAtt Table.Arn` reads `Table.Arn`.
fn untagged(value: Yaml) -> Value {
    match value {
        Yaml::Tagged(tagged) => untagged(tagged.value),
        Yaml::Mapping(mapping) => mapping
            .into_iter()
            .map(|(key, value)| (key.as_str().unwrap_or_default().to_owned(), untagged(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Yaml::Sequence(items) => items.into_iter().map(untagged).collect(),
        plain => serde_json::to_value(plain).unwrap(),
    }
}

struct Template {
    resources: Value,
    parameters: Value,
}

impl Template {
    fn read() -> Self {
        let document: Yaml = serde_yaml::from_str(&read("template.yaml")).unwrap();
        let mut document = untagged(document);
        Self {
            resources: document["Resources"].take(),
            parameters: document["Parameters"].take(),
        }
    }

    fn of_type(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let resources = self.resources.as_object().unwrap().iter();
        resources
            .filter(|(_, resource)| resource["Type"] == kind)
            .map(|(id, resource)| (id.as_str(), &resource["Properties"]))
            .collect()
    }

    fn functions(&self) -> BTreeMap<&str, &Value> {
        self.of_type("AWS::Serverless::Function")
    }

    fn timeout(&self, function: &str) -> u64 {
        self.functions()[function]["Timeout"].as_u64().unwrap_or(10)
    }
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_route_is_in_the_template_twice_and_the_template_has_no_other() {
    let mut expected = BTreeSet::new();
    for route in catalogue::routes() {
        let mut add = |path: String| expected.insert((logical_id(route.name), route.method.to_string(), path));
        add(route.path.to_owned());
        // A path that ends in anything at all has its slash already.
        if !route.path.ends_with("+}") {
            add(format!("{}/", route.path));
        }
    }
    let template = Template::read();
    let mut found = BTreeSet::new();
    for (id, function) in template.functions() {
        for event in function["Events"].as_object().into_iter().flatten().map(|(_, event)| event) {
            assert_eq!(
                (&event["Type"], &event["Properties"]["ApiId"]),
                (&"HttpApi".into(), &"HttpApi".into()),
                "{id}"
            );
            let text = |name: &str| event["Properties"][name].as_str().unwrap().to_owned();
            assert!(found.insert((id.to_owned(), text("Method"), text("Path"))), "{id} has a route twice");
        }
    }
    assert_eq!(found, expected);
}

#[test]
fn every_function_is_named_alike_everywhere() {
    let names: BTreeSet<String> = functions().into_keys().map(str::to_owned).collect();

    let template = Template::read();
    let deployed: BTreeSet<&str> = template.functions().into_keys().collect();
    let expected: BTreeSet<String> = names.iter().map(|name| logical_id(name)).collect();
    assert_eq!(deployed, expected.iter().map(String::as_str).collect(), "functions of the template");
    for name in &names {
        let function = template.functions()[logical_id(name).as_str()];
        assert_eq!(function["FunctionName"], format!("${{AWS::StackName}}-{name}"));
        assert_eq!(function["CodeUri"], format!("target/lambda/{name}/"));
    }

    let mut binaries = BTreeSet::new();
    for folder in fs::read_dir(root().join("functions")).unwrap() {
        let folder = folder.unwrap().path();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        for table in manifest.split("[[bin]]").skip(1) {
            let name = table.lines().find_map(|line| line.strip_prefix("name = ")).unwrap().trim_matches('"');
            assert!(table.contains(&format!("path = \"src/bin/{name}.rs\"")), "{name}");
            assert!(binaries.insert(name.to_owned()), "{name} is built twice");
        }
    }
    assert_eq!(binaries, names, "binaries");

    let samples: BTreeSet<String> = fs::read_dir(root().join("events"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(samples, names.iter().map(|name| format!("{name}.json")).collect(), "event samples");
}

#[test]
fn every_function_gets_the_settings_its_code_declares_and_no_other() {
    let template = Template::read();
    for (name, settings) in functions() {
        let function = template.functions()[logical_id(name).as_str()];
        let given: BTreeSet<&str> = function["Environment"]["Variables"]
            .as_object()
            .into_iter()
            .flat_map(serde_json::Map::keys)
            .map(String::as_str)
            .filter(|variable| !variable.starts_with("AWS_"))
            .collect();
        assert_eq!(given, settings.into_iter().map(Var::name).collect(), "{name}");
    }
}

// ---- policies and queues -----------------------------------------------------------------------------------------------

/// The statements of a function's own policies.
fn statements(function: &Value) -> impl Iterator<Item = &Value> {
    let policies = function["Policies"].as_array().into_iter().flatten();
    policies.flat_map(|policy| policy["Statement"].as_array().unwrap())
}

// The actions that have no resource type: "*" is the only ARN they take.
const WITHOUT_RESOURCE: [&str; 2] = ["dynamodb:ListStreams", "ses:GetAccount"];

#[test]
fn policies_name_exact_actions_resources_and_item_families() {
    let template = Template::read();
    for (id, function) in template.functions() {
        for statement in statements(function) {
            let actions = texts(&statement["Action"]);
            assert!(!actions.is_empty() && statement["Effect"] == "Allow", "{id}: {statement}");
            assert!(actions.iter().all(|action| !action.contains('*')), "{id}: {statement}");
            let everything = texts(&statement["Resource"]).contains(&"*");
            let has_no_resource = actions.iter().all(|action| WITHOUT_RESOURCE.contains(action));
            assert_eq!(everything, has_no_resource, "{id}: {statement}");

            let on_items = ["Item", "Query", "Scan", "PartiQL"];
            if actions
                .iter()
                .any(|action| action.starts_with("dynamodb:") && on_items.iter().any(|part| action.contains(part)))
            {
                let families = texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
                assert!(!families.is_empty() && !families.contains(&"*"), "{id}: {statement}");
            }
            assert!(!actions.contains(&"dynamodb:Scan"), "{id} scans");
        }
    }
}

#[test]
fn a_get_may_change_nothing_but_a_rate_limit() {
    let template = Template::read();
    for route in catalogue::routes().into_iter().filter(|route| route.method == "GET") {
        for statement in statements(template.functions()[logical_id(route.name).as_str()]) {
            let writes = [
                "dynamodb:PutItem",
                "dynamodb:UpdateItem",
                "dynamodb:DeleteItem",
                "dynamodb:BatchWriteItem",
                "s3:PutObject",
                "sqs:SendMessage",
                "scheduler:CreateSchedule",
                "scheduler:DeleteSchedule",
            ];
            // A copy of what the route shows, under a name nobody else has: too large to answer with.
            let is_export = statement["Resource"] == "${Bucket.Arn}/exports/*";
            if !is_export && texts(&statement["Action"]).iter().any(|action| writes.contains(action)) {
                assert_eq!(
                    texts(&statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]),
                    ["PACE#*"],
                    "{}",
                    route.name
                );
            }
        }
    }
}

#[test]
fn every_queue_has_a_dead_letter_queue_and_five_tries() {
    let template = Template::read();
    let queues = template.of_type("AWS::SQS::Queue");
    for (id, queue) in queues.iter().filter(|(id, _)| !id.ends_with("Dlq")) {
        let dead = queue["RedrivePolicy"]["deadLetterTargetArn"].as_str().unwrap();
        assert_eq!(dead, format!("{}Dlq.Arn", id.trim_end_matches("Queue")));
        assert_eq!(queue["RedrivePolicy"]["maxReceiveCount"], 5, "{id}");
    }
    let alarms = template.of_type("AWS::CloudWatch::Alarm");
    for id in queues.keys().filter(|id| id.ends_with("Dlq")) {
        let alarm = alarms
            .get(format!("{id}Alarm").as_str())
            .unwrap_or_else(|| panic!("nobody is told of {id}"));
        assert_eq!(alarm["Dimensions"][0]["Value"], format!("{id}.QueueName"));
    }
}

#[test]
fn every_worker_reads_its_queue_without_failing_a_batch_for_one_record() {
    let template = Template::read();
    let queues = template.of_type("AWS::SQS::Queue");
    let mut fed = BTreeSet::new();
    for (id, mapping) in template.of_type("AWS::Lambda::EventSourceMapping") {
        let function = mapping["FunctionName"].as_str().unwrap();
        assert_eq!(texts(&mapping["FunctionResponseTypes"]), ["ReportBatchItemFailures"], "{id}");
        assert!(fed.insert(function.to_owned()), "{function} is fed twice");
        let source = mapping["EventSourceArn"].as_str().unwrap();
        if source == "Table.StreamArn" {
            assert_eq!(mapping["DestinationConfig"]["OnFailure"]["Destination"], "ProgressDlq.Arn");
            continue;
        }
        let most = &mapping["ScalingConfig"]["MaximumConcurrency"];
        // A number, or a parameter that starts with one.
        let most = most.as_str().map_or(most, |parameter| &template.parameters[parameter]["MinValue"]);
        assert!(most.as_u64().is_some_and(|most| most >= 2), "{id}");
        let queue = queues[source.strip_suffix(".Arn").unwrap()];
        let visibility = queue["VisibilityTimeout"].as_u64().unwrap();
        // Six times the timeout, as AWS advises; where somebody waits for what a worker makes, a fifth more than it will do.
        let times_five = if source == "ExportQueue.Arn" { 6 } else { 30 };
        assert!(
            5 * visibility >= times_five * template.timeout(function),
            "{source}: a message would be handed out again while {function} works on it"
        );
    }
    let workers = catalogue::queue_workers().into_iter().map(|worker| worker.name);
    let workers = workers.chain(catalogue::stream_workers().into_iter().map(|worker| worker.name));
    assert_eq!(fed, workers.map(logical_id).collect());
}

// ---- the OpenAPI document ----------------------------------------------------------------------------------------------

#[test]
fn the_served_document_is_the_one_the_handlers_describe() {
    let served: Value = serde_json::from_str(system::openapi::DOCUMENT).unwrap();
    assert!(
        served == catalogue::openapi(),
        "functions/system/openapi.json is out of date: run `make openapi`"
    );
}

#[test]
fn every_route_is_documented_as_it_is_guarded() {
    let document = catalogue::openapi();
    let mut documented = BTreeMap::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            documented.insert((method.to_uppercase(), path.clone()), operation);
        }
    }
    for route in catalogue::routes()
        .into_iter()
        .filter(|route| !catalogue::UNDOCUMENTED.contains(&route.name))
    {
        let operation = documented
            .remove(&(route.method.to_string(), route.path.to_owned()))
            .unwrap_or_else(|| panic!("{} is not documented", route.name));
        assert_eq!(operation["operationId"], route.name);
        check_operation(route, operation);
    }
    assert!(documented.is_empty(), "documented, but there is no such route: {:?}", documented.keys());
}

fn check_operation(route: &Route, operation: &Value) {
    let name = route.name;
    let bearer = serde_json::json!([{ "bearer": [] }]);
    match route.access {
        Access::Requires(permission) => {
            assert_eq!(operation["security"], bearer, "{name}");
            let roles: Vec<&str> = Role::ALL.iter().filter(|role| role.may(permission)).map(|role| role.as_str()).collect();
            assert_eq!(texts(&operation["x-roles"]), roles, "{name}");
        }
        Access::Public | Access::PublicSensitive => assert!(operation["security"].is_null(), "{name} asks for a token it does not need"),
    }
    assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    let has = |place: &str, name: &str| parameters.iter().any(|parameter| parameter["in"] == place && parameter["name"] == name);
    assert_eq!(has("header", "Idempotency-Key"), route.idempotent, "{name}");
    // What replaces or deletes honours the version that was seen; what confirms may, too.
    match route.method.as_str() {
        "PUT" | "DELETE" => assert!(has("header", "If-Match"), "{name}"),
        "GET" => assert!(!has("header", "If-Match"), "{name}"),
        _ => {}
    }
    for parameter in route.path.split(['{', '}']).skip(1).step_by(2) {
        assert!(has("path", parameter), "{name}: {parameter}");
    }
}

#[test]
fn the_examples_of_the_document_are_taken() {
    let document = catalogue::openapi();
    let example = |path: &str| {
        let operation = &document["paths"][path]["post"];
        operation["requestBody"]["content"]["application/json"]["examples"]["typical"]["value"].clone()
    };
    serde_json::from_value::<auth::login::LoginRequest>(example("/api/v1/auth/login")).unwrap();
    let vendor = serde_json::from_value(example("/api/v1/vendors")).unwrap();
    let (_, warnings) = domain::vendor::VendorProfile::parse(vendor).unwrap();
    assert_eq!(warnings, []);
    let template: domain::template::EmailContent = serde_json::from_value(example("/api/v1/templates/email")).unwrap();
    messaging::EmailTemplate::compile(&template.checked().unwrap()).unwrap();
    let campaign = example("/api/v1/campaigns");
    campaign["template_id"].as_str().unwrap().parse::<domain::TemplateId>().unwrap();
    serde_json::from_value::<domain::campaign::Audience>(campaign["audience"].clone()).unwrap();
}

// ---- event samples -----------------------------------------------------------------------------------------------------

#[test]
fn every_http_sample_is_a_request_of_its_route() {
    for name in catalogue::routes().into_iter().map(|route| route.name).collect::<BTreeSet<_>>() {
        let event = lambda_http::request::from_str(&read(&format!("events/{name}.json"))).unwrap_or_else(|error| panic!("{name}: {error}"));
        let request = runtime::request_of(event);
        let routes: Vec<_> = catalogue::routes().into_iter().filter(|route| route.name == name).collect();
        assert!(
            routes.iter().any(|route| route.method == request.method && leads_to(route, &request)),
            "{name}: {} {} is not of its route",
            request.method,
            request.path
        );
        assert!(
            !request.request_id.is_empty() && !request.source_ip.is_empty() && !request.correlation_id.is_empty(),
            "{name}"
        );
        let route = routes[0];
        assert!(request.body.len() <= route.max_body, "{name}");
        assert_eq!(
            request.header("authorization").is_some(),
            matches!(route.access, Access::Requires(_)),
            "{name}"
        );
        assert_eq!(request.header("idempotency-key").is_some(), route.idempotent, "{name}");
    }
}

/// Whether the path fits the route and its parameters are those of the path.
fn leads_to(route: &Route, request: &runtime::Request) -> bool {
    let (mut wanted, mut given) = (route.path.split('/'), request.path.trim_end_matches('/').split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) => match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                Some(name) if request.path_parameter(name.trim_end_matches('+')) == given => {}
                None if wanted == given => {}
                _ => return false,
            },
            _ => return false,
        }
    }
}

fn bodies(name: &str) -> Vec<String> {
    let event: SqsEvent = serde_json::from_str(&read(&format!("events/{name}.json"))).unwrap_or_else(|error| panic!("{name}: {error}"));
    let bodies: Vec<_> = event.records.into_iter().map(|record| record.body.unwrap()).collect();
    assert!(!bodies.is_empty(), "{name}");
    bodies
}

#[test]
fn every_queue_sample_holds_messages_of_its_worker() {
    for worker in catalogue::queue_workers() {
        for body in bodies(worker.name) {
            match worker.name {
                "workers-campaign-planner" => drop(serde_json::from_str::<domain::work::CampaignMessage>(&body).unwrap()),
                "workers-email-sender" | "workers-whatsapp-sender" => {
                    assert!(serde_json::from_str::<domain::work::ChunkMessage>(&body).unwrap().chunk > 0)
                }
                "workers-export" => drop(serde_json::from_str::<exports::ExportMessage>(&body).unwrap()),
                "workers-import" => drop(serde_json::from_str::<imports::ImportMessage>(&body).unwrap()),
                "workers-verification" => drop(serde_json::from_str::<verifications::VerificationMessage>(&body).unwrap()),
                "workers-scheduled-campaign" => drop(serde_json::from_str::<domain::schedule::ScheduleMessage>(&body).unwrap()),
                "workers-sync" => drop(serde_json::from_str::<workers::sync::Incoming>(&body).unwrap()),
                "workers-whatsapp-events" => assert!(!messaging::whatsapp::webhook::parse(body.as_bytes()).unwrap().is_empty()),
                "workers-delivery-events" => assert!(!messaging::ses_events::parse(&body).unwrap().is_empty()),
                other => panic!("what does {other} read?"),
            }
        }
    }
}

#[test]
fn every_stream_sample_names_chunks() {
    for worker in catalogue::stream_workers() {
        let event: StreamEvent = serde_json::from_str(&read(&format!("events/{}.json", worker.name))).unwrap();
        assert!(!event.records.is_empty());
        for record in event.records {
            let keys = record.change.keys.into_inner();
            let text = |name: &str| match keys.get(name) {
                Some(serde_dynamo::AttributeValue::S(text)) => text.clone(),
                other => panic!("{name}: {other:?}"),
            };
            assert!(
                store::touched_by_stream_key(&text("pk"), &text("sk")).is_some(),
                "{} {}",
                text("pk"),
                text("sk")
            );
        }
    }
}
