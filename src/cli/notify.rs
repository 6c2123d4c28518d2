//! `hitl notify`: by which channels people are told, and whether one works.

use serde_json::json;

use super::arguments::{GlobalArguments, NotifyCommand};
use super::failure::{ExitCode, Failure};
use super::{Exit, Output, rooms};
use crate::policy::{Channel, ChannelKind};
use crate::protocol;
use crate::system::text::{counted, visible, visible_command, visible_path};

/// Lists channels, or tries one.
pub(super) fn notify(
    global: &GlobalArguments,
    command: &NotifyCommand,
    output: &Output,
) -> Result<Exit, Failure> {
    let rooms = rooms::open(global)?;
    match command {
        NotifyCommand::List { .. } => {
            rooms::only_root(&rooms.directories, "list where people are told")?;
            list(rooms.policy.channels(), output)
        }
        NotifyCommand::Test { channel, .. } => {
            rooms::only_root(&rooms.directories, "send a test")?;
            test(&rooms, channel, output)
        }
    }
}

fn list(channels: &[Channel], output: &Output) -> Result<Exit, Failure> {
    if output.json {
        for channel in channels {
            output.print_json(&json!({
                "v": 1,
                "name": channel.name,
                "kind": channel.kind,
                "to": destination(channel),
                "secret_file": channel.secret_file,
            }))?;
        }
    } else if channels.is_empty() {
        output.say("the policy has no channels: nobody is told of anything");
    } else {
        let width = channels.iter().map(|one| one.name.as_str().len()).max().unwrap_or(0);
        for channel in channels {
            let (name, kind) = (channel.name.as_str(), channel.kind.word());
            output.print(&format!("{name:width$}  {kind:7}  {}\n", destination(channel)))?;
        }
    }
    Ok(Exit::Status(0))
}

/// Where it leads, without what may be a secret. Safe to show.
fn destination(channel: &Channel) -> String {
    match channel.kind {
        ChannelKind::Webhook | ChannelKind::Slack | ChannelKind::Ntfy => {
            match (&channel.url, &channel.secret_file) {
                (Some(url), _) => format!("{}/…", url.origin()),
                (None, Some(file)) => format!("the URL in {}", visible_path(file.as_path())),
                (None, None) => String::new(),
            }
        }
        ChannelKind::Email => {
            channel.to.iter().map(|one| visible(one.as_str())).collect::<Vec<_>>().join(", ")
        }
        ChannelKind::Command => visible_command(&channel.run),
        ChannelKind::Wall => "every terminal of this host".to_owned(),
    }
}

fn test(rooms: &protocol::Rooms, name: &str, output: &Output) -> Result<Exit, Failure> {
    let told = protocol::test_channel(rooms, name)?;
    let status = told.status.map(|status| format!(", status {status}")).unwrap_or_default();
    if output.json {
        output.print_json(&json!({
            "v": 1,
            "channel": name,
            "delivered": told.error.is_none(),
            "attempts": told.attempts,
            "status": told.status,
            "error": told.error,
        }))?;
    }
    match &told.error {
        None => {
            if !output.json {
                output.say(&format!("hitl: {} has taken the test{status}", visible(name)));
            }
            Ok(Exit::Status(0))
        }
        Some(error) => {
            let tries = counted(told.attempts.into(), "try").replace("trys", "tries");
            if !output.json {
                output.say(&format!(
                    "hitl: {} was not reached ({tries}{status}): {error}",
                    visible(name)
                ));
            }
            Ok(Exit::Status(ExitCode::No as i32))
        }
    }
}
