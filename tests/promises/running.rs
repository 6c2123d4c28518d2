//! `hitl run`: what is allowed runs as if it had been run without hitl.

use crate::world_or_skip;

const ALLOW_SHELL_TOOLS: &str = r#"
version: 1
name: running
defaults: {decision: deny}
rules:
  - id: harmless
    match: {command: "/usr/bin/{true,false,printf,env,pwd,id,kill,cat}"}
    decision: allow
    risk: low
"#;

#[test]
fn the_commands_own_status_is_passed_through() {
    let world = world_or_skip!();
    world.policy(ALLOW_SHELL_TOOLS);
    world.hitl("alice", &["run", "--", "true"]).run().exits(0);
    world.hitl("alice", &["run", "--", "false"]).run().exits(1);
}
