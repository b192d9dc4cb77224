//! `dataflowkit start|stop|restart INSTANCE`: what `systemctl` does with `dataflowkit@INSTANCE`.
use std::path::Path;
use std::process::Command;

/// Which instance.
#[derive(Debug, clap::Args)]
pub struct ServiceArgs {
    /// The instance: `orders` of `/etc/dataflowkit/orders.properties`
    #[arg(default_value = "default")]
    instance: String,
}

/// Calls `systemctl VERB dataflowkit@INSTANCE`; its exit status is ours.
pub fn run(verb: &str, args: &ServiceArgs) -> u8 {
    let instance = &args.instance;
    if !Path::new("/run/systemd/system").is_dir() {
        eprintln!(
            "dataflowkit {verb}: systemd does not run here; `dataflowkit agent -f /etc/dataflowkit/{instance}.properties` runs the agent in the foreground"
        );
        return 1;
    }
    match Command::new("systemctl").arg(verb).arg(format!("dataflowkit@{instance}.service")).status() {
        Ok(status) => status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
        Err(error) => {
            eprintln!("dataflowkit {verb}: cannot run systemctl: {error}");
            1
        }
    }
}
