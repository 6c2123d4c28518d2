//! Telling people: they hear of what waits and what became of it, signed; and nothing that goes wrong
//! with it is felt by whoever runs a command.

use std::fs;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::endpoint::{Answer, Endpoint, FAILS, OK, PATIENCE, Request};
use crate::office::DEPLOY;
use crate::world::World;
use crate::world_or_skip;

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A world in which `sh` needs bob's approval and `sleep` is denied, and these channels are told.
fn told_or_not(world: World, channels: &str, notify: &str) -> World {
    world.policy(&format!(
        "version: 1\nname: told\n\
         defaults: {{decision: deny, notify: [{notify}], require: [{{group: ops}}]}}\n\
         groups: [{{name: ops, users: [bob, carol]}}]\n\
         channels:\n{channels}\n\
         rules:\n\
         \x20 - {{id: deploys, match: {{command: \"/usr/bin/{{sh,dash}}\"}}, decision: approve}}\n\
         \x20 - {{id: looking, match: {{command: \"true\"}}, decision: allow}}\n\
         \x20 - {{id: heard, match: {{command: id}}, decision: allow, notify: [{notify}]}}\n"
    ));
    world.write("srv/deploy.sh", "echo ran >> /srv/ran\n");
    secret(&world, "key", SECRET);
    world
}

fn secret(world: &World, name: &str, text: &str) {
    world.write(&format!("etc/hitl/{name}"), text);
    world.mode(&format!("etc/hitl/{name}"), 0o600);
}

fn webhook(endpoint: &Endpoint) -> String {
    let url = endpoint.url();
    format!("  - {{name: hook, kind: webhook, url: \"{url}\", secret_file: /etc/hitl/key}}")
}

/// A world with a webhook that leads there, and the sender installed.
fn with_webhook(world: World, endpoint: &Endpoint) -> World {
    world.install_sender();
    told_or_not(world, &webhook(endpoint), "hook")
}

/// Waits for this many entries about notifications, and returns them.
#[track_caller]
fn entries(world: &World, many: usize) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let mut found =
            if world.outside("var-lib/hitl/audit").exists() { world.audit() } else { vec![] };
        found.retain(|entry| {
            entry["event"]["action"].as_str().unwrap().starts_with("notification-")
        });
        if found.len() >= many {
            return found;
        }
        assert!(Instant::now() < end, "{found:#?}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Verifies a request as Standard Webhooks publishes it, by somebody else's HMAC and base64.
#[track_caller]
fn verify(request: &Request) {
    let program = "import base64, hashlib, hmac, sys\n\
        secret, id, timestamp, signatures = sys.argv[1:]\n\
        key = base64.b64decode(secret.removeprefix('whsec_'))\n\
        signed = b'%s.%s.%s' % (id.encode(), timestamp.encode(), sys.stdin.buffer.read())\n\
        right = 'v1,' + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()\n\
        sys.exit(0 if right in signatures.split(' ') else 1)\n";
    let mut python = Command::new("python3")
        .args(["-c", program, SECRET])
        .args(["webhook-id", "webhook-timestamp", "webhook-signature"].map(|n| request.header(n)))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut python.stdin.take().unwrap(), request.body.as_bytes()).unwrap();
    assert!(python.wait().unwrap().success(), "{request:?}");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let signed: u64 = request.header("webhook-timestamp").parse().unwrap();
    assert!(now.abs_diff(signed) < 120, "{signed} is not now");
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&request.body).unwrap()
}

#[test]
fn what_waits_is_told_at_once_by_a_webhook_that_anybody_who_knows_the_secret_can_verify() {
    let endpoint = Endpoint::start(&[OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    let words = ["run", "--no-wait", "--json", "--reason", "ticket 4711 PASSWORD=hunter3"];
    let claims = ["--ticket", "OPS-4711", "--plan", "-", "--"];
    let command = ["sh", "/srv/deploy.sh", "--password=hunter2"];
    let call = world.hitl("alice", &[&words[..], &claims, &command].concat());
    let ran = call.with_input(b"it deploys what hunter4 wrote\n").run();
    let id = crate::office::asked(&ran);
    let request = endpoint.request();
    assert_eq!(request.line, "POST /hook/T0K3N-IN-PATH HTTP/1.1");
    assert_eq!(request.header("content-type"), "application/json");
    verify(&request);
    let told = body(&request);
    assert_eq!(told["type"], "request.pending");
    assert!(told["timestamp"].as_str().unwrap().ends_with('Z'));
    let data = &told["data"];
    assert_eq!(data["id"], id.as_str());
    assert_eq!(data["requester"]["name"], "alice");
    assert_eq!(data["run_as"]["user"], "root");
    assert_eq!(data["command"], json!(["sh", "/srv/deploy.sh", "--password=[redacted:1]"]));
    assert_eq!(data["directory"], "/srv");
    assert_eq!(data["risk"], "high");
    assert_eq!(data["state"], "pending");
    let shown = world.hitl("root", &["show", "--json", &id]).run().exits(0).json();
    assert_eq!(data["digest"], shown["digest"]);
    assert_eq!(data["still_needed"], shown["still_needed"]);
    // That there is a plan, and which, but not what it says.
    assert_eq!(data["ticket"], "OPS-4711");
    assert_eq!(data["plan"], shown["bound"]["plan"]);
    assert!(data["plan"].as_str().unwrap().starts_with("sha256:"), "{data}");
    // Neither a secret nor what binds, nor anything that decides.
    for word in ["hunter", "nonce", "salt", "environment", "approve?", "http"] {
        assert!(!request.body.contains(word), "{word}: {}", request.body);
    }
    let entry = &entries(&world, 1)[0];
    assert_eq!(entry["event"]["action"], "notification-sent");
    assert_eq!(entry["hitl"]["request_id"], id.as_str());
    for (field, value) in [
        ("channel", json!("hook")),
        ("channel_kind", json!("webhook")),
        ("event", json!("request.pending")),
        ("attempts", json!(1)),
        ("status", json!(200)),
    ] {
        assert_eq!(entry["hitl"][field], value, "{entry}");
    }
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn every_turn_of_a_request_is_told_and_the_life_that_the_log_tells_stays_whole() {
    let endpoint = Endpoint::start(&[OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    let next = || {
        let told = body(&endpoint.request());
        let kind = told["type"].as_str().unwrap().to_owned();
        (kind, told["data"].clone())
    };
    let first = world.ask("alice", &DEPLOY);
    assert_eq!(next().0, "request.pending");
    world.approve("bob", &first).exits(0);
    let (kind, data) = next();
    let given = (&data["approvals"][0]["name"], &data["approvals"][0]["presence"]);
    assert_eq!((kind.as_str(), given), ("request.approved", (&json!("bob"), &json!("uid"))));
    world.resume("alice", &first).exits(0);
    let (kind, data) = next();
    assert_eq!(
        (kind.as_str(), &data["ending"]),
        ("command.finished", &json!("exited with status 0"))
    );
    assert_eq!(data["id"], first.as_str());

    let second = world.ask("alice", &DEPLOY);
    assert_eq!(next().0, "request.pending");
    world.hitl("carol", &["reject", &second, "-m", "not on a Friday"]).run().exits(0);
    let (kind, data) = next();
    assert_eq!(kind, "request.rejected");
    assert_eq!(data["rejection"]["message"], "not on a Friday");

    let third = world.ask("alice", &DEPLOY);
    assert_eq!(next().0, "request.pending");
    world.hitl("alice", &["cancel", &third]).run().exits(0);
    assert_eq!(next().0, "request.cancelled");

    let fourth = world.ask("alice", &DEPLOY);
    assert_eq!(next().0, "request.pending");
    world.approve("bob", &fourth).exits(0);
    assert_eq!(next().0, "request.approved");
    world.write("srv/deploy.sh", "echo worse\n");
    world.resume("alice", &fourth).exits(77);
    let (kind, data) = next();
    assert_eq!(kind, "request.void");
    assert!(data["closed_because"].as_str().unwrap().contains("/srv/deploy.sh"), "{data}");

    world.hitl("alice", &["run", "--", "sleep", "1"]).run().exits(77);
    let (kind, data) = next();
    assert_eq!((kind.as_str(), &data["command"]), ("command.denied", &json!(["sleep", "1"])));
    // What is allowed is told where its own rule asks for it, and not by the defaults.
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.hitl("alice", &["run", "--", "id"]).run().exits(0);
    let (kind, data) = next();
    assert_eq!((kind.as_str(), &data["command"]), ("command.finished", &json!(["id"])));
    entries(&world, 12);
    assert!(endpoint.is_quiet());
    world.hitl("root", &["audit", "verify"]).run().exits(0);
}

#[test]
fn a_failed_try_is_made_again_under_the_same_id() {
    let endpoint = Endpoint::start(&[FAILS, OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    world.ask("alice", &DEPLOY);
    let (first, second) = (endpoint.request(), endpoint.request());
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        assert_eq!(first.header(name), second.header(name));
    }
    assert_eq!(first.body, second.body);
    verify(&second);
    let entry = &entries(&world, 1)[0]["hitl"];
    assert_eq!((&entry["attempts"], &entry["status"]), (&json!(2), &json!(200)));
    // Another message is another one.
    world.ask("alice", &DEPLOY);
    assert_ne!(endpoint.request().header("webhook-id"), first.header("webhook-id"));
}

#[test]
fn an_endpoint_that_never_answers_keeps_no_command_waiting() {
    let endpoint = Endpoint::start(&[Answer::Never, OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    let waiting = world.hitl("alice", &["run", "--", "sh", "/srv/deploy.sh"]);
    let waiting = waiting.start_and_wait_for_request();
    // It has been asked, and answers nothing: all of this happens meanwhile.
    let pending = endpoint.request();
    world.approve("bob", &waiting.id.clone()).exits(0);
    waiting.end().exits(0);
    assert_eq!(world.times_run(), 1);
    assert_eq!(world.audit_actions().last().unwrap(), "command-finished");
    endpoint.let_go();
    // Its connection has ended without an answer, so that it was tried again; the others, too, came.
    let mut later: Vec<_> = (0..3).map(|_| endpoint.request()).collect();
    later.retain(|request| request.header("webhook-id") == pending.header("webhook-id"));
    assert_eq!(later.len(), 1);
    let told = entries(&world, 3);
    assert!(told.iter().all(|entry| entry["event"]["action"] == "notification-sent"), "{told:#?}");
}

#[test]
fn a_lying_endpoint_leads_nowhere_and_is_on_record() {
    let trap = Endpoint::start(&[OK]);
    let redirect =
        format!("HTTP/1.1 307 x\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", trap.url());
    for (answer, status, says) in [
        (Answer::Bytes(redirect.leak().as_bytes()), json!(307), "redirect"),
        (
            Answer::Bytes(b"HTTP/1.1 302 x\r\nLocation: file:///etc/shadow\r\n\r\n"),
            json!(302),
            "redirect",
        ),
        (
            Answer::Bytes(b"HTTP/1.1 301 x\r\nLocation: http://169.254.169.254/latest\r\n\r\n"),
            json!(301),
            "redirect",
        ),
        (Answer::Bytes(b"HTTP/1.1 403 No\r\n\r\n"), json!(403), "refused"),
    ] {
        let endpoint = Endpoint::start(&[answer]);
        let world = with_webhook(world_or_skip!(), &endpoint);
        let id = world.ask("alice", &DEPLOY);
        endpoint.request();
        let entry = &entries(&world, 1)[0];
        assert_eq!(entry["event"]["action"], "notification-failed", "{entry}");
        assert_eq!(entry["hitl"]["request_id"], id.as_str());
        assert_eq!((&entry["hitl"]["status"], &entry["hitl"]["attempts"]), (&status, &json!(1)));
        let because = entry["hitl"]["because"].as_str().unwrap();
        assert!(because.contains(says) && !because.contains("T0K3N"), "{because}");
        assert!(trap.is_quiet());
    }
    // The status is all that counts: what else it says is not even read.
    for answer in [
        Answer::Endless(
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nxxxxxxxxxxxxxxxxxxx",
        ),
        Answer::Bytes(b"HTTP/1.1 200 OK\r\n\r\n\x00\xff\x1b]0;owned\x07"),
    ] {
        let endpoint = Endpoint::start(&[answer]);
        let world = with_webhook(world_or_skip!(), &endpoint);
        world.hitl("root", &["notify", "test", "hook"]).run().exits(0);
    }
    for nonsense in [
        Answer::Bytes(b"HTTP/1.1 403 \x1b[2J\r\n\r\n"),
        Answer::Bytes(b"\x16\x03\x01\x02\x00\x01\x00"),
        Answer::Bytes(b""),
        // A head without end.
        Answer::Endless(b"HTTP/1.1 200 OK\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\nx: y\r\n"),
    ] {
        let endpoint = Endpoint::start(&[nonsense]);
        let world = with_webhook(world_or_skip!(), &endpoint);
        let told = world.hitl("root", &["notify", "test", "hook"]).run().exits(1);
        assert!(!told.stderr.contains('\u{1b}'), "{told:?}");
        assert_eq!(entries(&world, 1)[0]["event"]["action"], "notification-failed");
    }
}

#[test]
fn whoever_tries_a_channel_hears_what_came_of_it() {
    let endpoint = Endpoint::start(&[OK, FAILS]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    world.hitl("alice", &["notify", "test", "hook"]).run().exits(77).says("only root");
    world.hitl("alice", &["notify", "list"]).run().exits(77).says("only root");
    world.hitl("root", &["notify", "test", "hok"]).run().exits(1).says("it has hook");
    assert!(endpoint.is_quiet());
    world.hitl("root", &["notify", "test", "hook"]).run().exits(0).says("hook has taken the test");
    let request = endpoint.request();
    verify(&request);
    assert_eq!(body(&request)["type"], "notification.test");
    let told = world.hitl("root", &["notify", "test", "hook", "--json"]).run().exits(1).json();
    assert_eq!(told["delivered"], false);
    assert_eq!((&told["attempts"], &told["status"]), (&json!(1), &json!(500)));
    let told = entries(&world, 2);
    let actions: Vec<_> = told.iter().map(|entry| &entry["event"]["action"]).collect();
    assert_eq!(actions, ["notification-sent", "notification-failed"]);
    assert_eq!(told[0]["hitl"]["event"], "notification.test");
    let listed = world.hitl("root", &["notify", "list"]).run().exits(0);
    assert!(listed.stdout.starts_with("hook  webhook  http://127.0.0.1:"), "{listed:?}");
    let json = world.hitl("root", &["notify", "list", "--json"]).run().exits(0);
    assert_eq!(json.json()["kind"], "webhook");
    for text in [listed.stdout, json.stdout] {
        assert!(!text.contains("T0K3N") && !text.contains("whsec_"), "{text}");
    }
}

#[test]
fn a_dead_or_hopeless_endpoint_is_said_to_be_one() {
    // Nobody listens on the port of a listener that is gone.
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let world = world_or_skip!();
    world.install_sender();
    let channel = format!(
        "  - {{name: hook, kind: webhook, url: \"http://{gone}/\", secret_file: /etc/hitl/key}}\n\
         \x20 - {{name: lost, kind: ntfy, url: \"https://host.invalid/secret-topic\"}}"
    );
    let world = told_or_not(world, &channel, "hook, lost");
    let test = |name: &str| world.hitl("root", &["notify", "test", name]).run().exits(1);
    test("hook").says("no connection").says("1 try");
    let lost = test("lost");
    assert!(!lost.stderr.contains("secret-topic"), "{lost:?}");
    // It drips for longer than anybody waits for it.
    let slow = Endpoint::start(&[Answer::Drip]);
    let world = told_or_not(world, &webhook(&slow), "hook");
    let begun = Instant::now();
    world.hitl("root", &["notify", "test", "hook"]).run().exits(1).says("no answer within 10");
    assert!(begun.elapsed() < PATIENCE);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let world = world_or_skip!();
    world.install_sender();
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name).to_str().unwrap().to_owned();
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2"])
        .args(["-keyout", &at("key"), "-out", &at("certificate")])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let mut server = Command::new("openssl")
        .args(["s_server", "-accept", "127.0.0.1:0", "-naccept", "1", "-www"])
        .args(["-key", &at("key"), "-cert", &at("certificate")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut said = std::io::BufReader::new(server.stdout.take().unwrap());
    let port = loop {
        let mut line = String::new();
        assert_ne!(std::io::BufRead::read_line(&mut said, &mut line).unwrap(), 0, "no port");
        // "ACCEPT 127.0.0.1:40123"
        if let Some((_, port)) = line.trim_end().rsplit_once(':') {
            break port.to_owned();
        }
    };
    let channel = format!("  - {{name: hook, kind: ntfy, url: \"https://127.0.0.1:{port}/x\"}}");
    let world = told_or_not(world, &channel, "hook");
    world.hitl("root", &["notify", "test", "hook"]).run().exits(1).says("certificate");
    let _ = server.kill();
    server.wait().unwrap();
}

/// A command channel that leaves what it was given, and what it is, in `/srv/told/`.
const PAGE: &str = "#!/bin/bash\n\
    env > /srv/told/env; cat /proc/$$/status > /srv/told/status; pwd > /srv/told/directory\n\
    ls /proc/$$/fd | tr '\\n' ' ' > /srv/told/descriptors; ps -o tty= -p $$ > /srv/told/tty\n\
    ulimit -c > /srv/told/core; cat > /srv/told/input; mv /srv/told/core /srv/told/done\n";

/// Waits until a file of the world is there.
#[track_caller]
fn awaited(world: &World, inside: &str) -> String {
    let end = Instant::now() + PATIENCE;
    while !world.outside(inside).exists() {
        assert!(Instant::now() < end, "{inside} does not come");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    world.read(inside)
}

fn place_for_what_is_told(world: &World) {
    fs::create_dir(world.outside("srv/told")).unwrap();
    world.mode("srv/told", 0o777);
}

fn status_of<'s>(status: &'s str, name: &str) -> Vec<&'s str> {
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':').split_whitespace().collect()
}

#[test]
fn what_talks_to_the_outside_is_nobody_and_has_nothing() {
    for (user, uid) in [("", "65534"), ("hitl:x:990:991::/nonexistent:/usr/sbin/nologin\n", "990")]
    {
        let world = world_or_skip!();
        world.install_sender();
        world.write("etc/passwd", &(world.read("etc/passwd") + user));
        world.install("page", PAGE);
        place_for_what_is_told(&world);
        let channel = "  - {name: pager, kind: command, run: [/usr/local/bin/page, now]}";
        let world = told_or_not(world, channel, "pager");
        let line = "ulimit -c unlimited; exec 9</etc/passwd; umask 0; \
                    EVIL=1 LD_PRELOAD=/srv/x hitl run --no-wait -- sh /srv/deploy.sh";
        world.script("alice", line).run().exits(75);
        assert_eq!(awaited(&world, "srv/told/done"), "0\n", "no core");
        let status = world.read("srv/told/status");
        let gid = if user.is_empty() { "65534" } else { "991" };
        assert_eq!(status_of(&status, "Uid"), [uid; 4], "{status}");
        assert_eq!(status_of(&status, "Gid"), [gid; 4], "{status}");
        assert!(status_of(&status, "Groups").is_empty(), "{status}");
        assert_eq!(status_of(&status, "NoNewPrivs"), ["1"], "{status}");
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(status_of(&status, set), ["0000000000000000"], "{set}: {status}");
        }
        // bash itself adds PWD, SHLVL and _.
        let names: Vec<String> = world.read("srv/told/env").lines().map(str::to_owned).collect();
        let mut names: Vec<_> = names.iter().filter_map(|line| line.split('=').next()).collect();
        names.sort_unstable();
        assert_eq!(names, ["PATH", "PWD", "SHLVL", "_"]);
        assert_eq!(world.read("srv/told/directory"), "/\n");
        assert_eq!(world.read("srv/told/tty").trim(), "?");
        // 255 is bash's own, for its script.
        assert_eq!(world.read("srv/told/descriptors").trim(), "0 1 2 255");
        let told: Value = serde_json::from_str(&world.read("srv/told/input")).unwrap();
        assert_eq!(told["type"], "request.pending");
        assert_eq!(entries(&world, 1)[0]["hitl"]["status"], 0);
    }
}

#[test]
fn a_secret_stands_in_no_process_that_others_can_look_at() {
    let endpoint = Endpoint::start(&[Answer::Never, OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    world.ask("alice", &DEPLOY);
    endpoint.request();
    // It waits for its answer now.
    let mut senders = 0;
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let read = |name: &str| fs::read(process.path().join(name)).unwrap_or_default();
        let seen = [read("cmdline"), read("environ")].concat();
        let seen = String::from_utf8_lossy(&seen);
        assert!(!seen.contains(SECRET) && !seen.contains("T0K3N-IN-PATH"), "{seen}");
        if seen.starts_with("/usr/local/bin/hitl-notify\0")
            && let Ok(file) = process.path().join("environ").metadata()
        {
            senders += 1;
            // Files about a process that nobody but root may look into are root's: proc(5).
            assert_eq!(std::os::unix::fs::MetadataExt::uid(&file), 0);
        }
    }
    assert!(senders > 0);
    endpoint.let_go();
}

#[test]
fn mail_holds_no_header_that_somebody_else_wrote() {
    let mut world = world_or_skip!();
    world.install_sender();
    let told = "#!/bin/sh\necho \"$@\" > /srv/told/words; grep -E '^(Uid|NoNewPrivs)' /proc/$$/status \
                > /srv/told/status; cat > /srv/told/core; mv /srv/told/core /srv/told/done\n";
    fs::create_dir(world.outside("usr-sbin")).unwrap();
    for (place, name) in [("usr-sbin/sendmail", ""), ("wall", "/usr/bin/wall")] {
        world.write(place, told);
        world.mode(place, 0o755);
        if !name.is_empty() {
            world.replaces(std::path::Path::new(name), place);
        }
    }
    place_for_what_is_told(&world);
    let channels = "  - {name: post, kind: email, to: [oncall@example.com, root]}";
    let world = told_or_not(world, channels, "post");
    let evil = "x\r\nBcc: all@example.com\r\n\r\n.\r\nhello \u{202e}\u{1b}[2J é";
    let words = ["run", "--no-wait", "--reason", evil, "--", "sh", "/srv/deploy.sh", evil];
    world.hitl("alice", &words).run().exits(75);
    let mail = awaited(&world, "srv/told/done");
    assert_eq!(world.read("srv/told/words"), "-t -i\n");
    // Programs that hand over mail are setuid or setgid.
    assert_eq!(world.read("srv/told/status"), "Uid:\t65534\t65534\t65534\t65534\nNoNewPrivs:\t0\n");
    let (headers, body) = mail.split_once("\n\n").unwrap();
    let names: Vec<_> = headers
        .lines()
        .filter(|line| !line.starts_with(['\t', ' ']))
        .map(|line| line.split(':').next().unwrap())
        .collect();
    let expected = [
        "To",
        "Subject",
        "MIME-Version",
        "Content-Type",
        "Content-Transfer-Encoding",
        "Auto-Submitted",
        "X-Hitl-Event",
    ];
    assert_eq!(names, expected);
    assert!(headers.starts_with("To: oncall@example.com,\n\troot\nSubject: hitl on "), "{headers}");
    let body = decoded(body);
    assert!(body.contains("\\r\\nBcc: all@example.com\\r\\n") && body.contains('é'), "{body}");
    assert!(!body.contains(['\r', '\u{1b}', '\u{202e}']), "{body}");

    // The same on every terminal, by the group of terminals alone.
    fs::remove_file(world.outside("srv/told/done")).unwrap();
    world.write("etc/group", &(world.read("etc/group") + "tty:x:5:\n"));
    let wall = told.replace("Uid|NoNewPrivs", "Uid|Gid|Groups|NoNewPrivs");
    world.write("wall", &wall);
    let world = told_or_not(world, "  - {name: all, kind: wall}", "all");
    world.hitl("alice", &words).run().exits(75);
    let text = awaited(&world, "srv/told/done");
    let status = world.read("srv/told/status");
    assert_eq!(status_of(&status, "Gid"), ["5"; 4], "{status}");
    assert!(status_of(&status, "Groups").is_empty(), "{status}");
    assert_eq!(status_of(&status, "NoNewPrivs"), ["1"], "{status}");
    assert!(text.contains("waits for approval") && text.contains("\\r\\nBcc: all"), "{text}");
    assert!(!text.contains(['\r', '\u{1b}', '\u{202e}']), "{text}");
}

fn decoded(base64: &str) -> String {
    let mut decode = Command::new("base64")
        .arg("-d")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut decode.stdin.take().unwrap(), base64.as_bytes()).unwrap();
    String::from_utf8(decode.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn chats_are_told_in_their_own_ways_and_cannot_be_made_to_call_or_link() {
    let slack = Endpoint::start(&[OK]);
    let ntfy = Endpoint::start(&[OK]);
    let world = world_or_skip!();
    world.install_sender();
    let url = ntfy.url();
    let channels = format!(
        "  - {{name: chat, kind: slack, secret_file: /etc/hitl/slack}}\n\
         \x20 - {{name: phone, kind: ntfy, url: \"{url}\", secret_file: /etc/hitl/token}}"
    );
    let world = told_or_not(world, &channels, "chat, phone");
    secret(&world, "slack", &format!("{}\n", slack.url()));
    secret(&world, "token", "tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2\n");
    let evil = "<!channel> <https://evil.example|Approve>\nX-Title: owned";
    let words = ["run", "--no-wait", "--reason", evil, "--", "sh", "/srv/deploy.sh"];
    world.hitl("alice", &words).run().exits(75);
    let chat = body(&slack.request());
    let text = chat["text"].as_str().unwrap();
    assert!(text.contains("waits for approval (high risk)"), "{text}");
    assert!(
        text.contains("&lt;!channel&gt; &lt;https://evil.example|Approve&gt;\\nX-Title"),
        "{text}"
    );
    assert!(!text.contains('<') && chat["mrkdwn"] == false, "{chat}");
    let phone = ntfy.request();
    assert!(phone.header("title").contains("waits for approval"), "{phone:?}");
    assert_eq!(phone.header("priority"), "4");
    assert_eq!(phone.header("tags"), "request.pending");
    assert_eq!(phone.header("authorization"), "Bearer tk_AgQdq7mVBoFD37zQVN29RhuMzNIz2");
    assert!(phone.body.contains("alice asked to run, as root:"), "{phone:?}");
    assert!(!phone.names().any(|name| name == "x-title"), "{phone:?}");
    assert!(!phone.body.contains("\nX-Title"), "{phone:?}");
}

#[test]
fn a_sender_that_is_missing_or_not_roots_fails_no_command_and_is_named_by_doctor() {
    let endpoint = Endpoint::start(&[OK]);
    let world = told_or_not(world_or_skip!(), &webhook(&endpoint), "hook");
    let ask = || world.ask("alice", &DEPLOY);
    let doctor = || {
        let told = world.hitl("root", &["doctor", "--json"]).run();
        let findings: Vec<Value> =
            told.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let all = findings.iter().flat_map(|one| match one["findings"].as_array() {
            Some(several) => several.clone(),
            None => vec![one.clone()],
        });
        let found: Vec<_> = all.filter(|one| one["check"] == "notifications").collect();
        assert_eq!(found.len(), 1, "{told:?}");
        found[0].clone()
    };
    let id = ask();
    let failed = &entries(&world, 1)[0];
    assert_eq!(failed["hitl"]["request_id"], id.as_str());
    assert_eq!(failed["hitl"]["attempts"], 0);
    assert!(failed["hitl"]["because"].as_str().unwrap().contains("is missing"), "{failed}");
    assert_eq!(doctor()["state"], "failure");
    world.install_sender();
    assert_eq!(doctor()["state"], "ok");
    // Somebody who can exchange it would be told the channel's secrets.
    world.mode("bin", 0o777);
    ask();
    let failed = &entries(&world, 2)[1];
    assert!(failed["hitl"]["because"].as_str().unwrap().contains("not trusted"), "{failed}");
    let found = doctor();
    assert_eq!(found["state"], "failure");
    world.script("root", found["fix"].as_str().unwrap()).run().exits(0);
    assert_eq!(doctor()["state"], "ok");
    // Nor is a secret used that others can read.
    world.mode("etc/hitl/key", 0o644);
    ask();
    let failed = &entries(&world, 3)[2];
    assert!(failed["hitl"]["because"].as_str().unwrap().contains("can be read"), "{failed}");
    assert!(endpoint.is_quiet());
}

#[test]
fn a_dead_endpoint_cannot_pile_up_roots_processes() {
    let endpoint = Endpoint::start(&[OK]);
    let world = with_webhook(world_or_skip!(), &endpoint);
    // As many as may tell at once hold their places.
    let file = fs::File::create(world.outside("var-lib/hitl/notifying.lock")).unwrap();
    let places = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 32,
        l_pid: 0,
    };
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_OFD_SETLK(&places)).unwrap();
    world.ask("alice", &DEPLOY);
    let failed = &entries(&world, 1)[0];
    assert!(failed["hitl"]["because"].as_str().unwrap().contains("too many"), "{failed}");
    assert_eq!(failed["hitl"]["attempts"], 0);
    assert!(endpoint.is_quiet());
    drop(file);
    world.ask("alice", &DEPLOY);
    endpoint.request();
}

#[test]
fn a_user_is_told_by_their_own_policy_as_themselves() {
    let endpoint = Endpoint::start(&[OK]);
    let world = world_or_skip!();
    world.install_sender();
    world.user_policy(
        "alice",
        &format!(
            "version: 1\nname: mine\nchannels: [{{name: hook, kind: webhook, url: \"{}\", \
             secret_file: /home/alice/key}}]\n\
             rules: [{{id: heard, match: {{command: id}}, decision: allow, notify: [hook]}}]\n",
            endpoint.url()
        ),
    );
    world.write("home/alice/key", SECRET);
    world.mode("home/alice/key", 0o600);
    world.own("home/alice/key", "alice");
    world.plain_hitl("alice", &["run", "--", "id"]).run().exits(0);
    let request = endpoint.request();
    verify(&request);
    assert_eq!(body(&request)["data"]["run_as"]["user"], "alice");
}

#[test]
fn only_the_sender_contains_http_and_tls() {
    let holds = |program: &str, word: &str| {
        let bytes = fs::read(program).unwrap();
        bytes.windows(word.len()).any(|window| window == word.as_bytes())
    };
    // What every program that links rustls holds: a label of TLS 1.3 (RFC 8446, section 4.4.3).
    let label = "TLS 1.3, server CertificateVerify";
    assert!(holds(crate::world::SENDER, label));
    assert!(!holds(crate::world::HITL, label));
    assert!(!holds(crate::world::HITL, "webhook-id: ") && holds(crate::world::SENDER, "HTTP/1.1"));
}
