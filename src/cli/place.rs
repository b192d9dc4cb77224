//! Where an instance lives: what the command line says, else what systemd gives, else the user's own directories.
//!
//! Truth: systemd.exec(5), `StateDirectory=`, `RuntimeDirectory=`; the XDG base directory specification.
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Place;
use crate::config::catalog::Catalogs;
use crate::sys;

/// Directories as options give them.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Directories {
    /// Where marks are kept [default: STATE_DIRECTORY, else XDG_STATE_HOME/dataflowkit/INSTANCE]
    #[arg(long, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
    /// Where the control socket is [default: RUNTIME_DIRECTORY, else XDG_RUNTIME_DIR/dataflowkit/INSTANCE]
    #[arg(long, value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,
    /// Where catalogs of clusters and brokers are looked for first [default: DATAFLOWKIT_ENV_ROOT]
    #[arg(long, value_name = "DIR")]
    pub env_root: Option<PathBuf>,
}

impl Directories {
    /// The place of an instance.
    pub fn place(&self, instance: &str) -> Place {
        let state_dir = self.state(instance);
        Place {
            instance: instance.into(),
            config_dir: PathBuf::new(),
            runtime_dir: self.runtime_dir(instance, &state_dir),
            env_root: self.env_root.clone(),
            catalogs: Catalogs::default(),
            installation: installation(&state_dir),
            state_dir,
        }
    }

    /// The state directory of an instance.
    pub fn state(&self, instance: &str) -> PathBuf {
        let given = self.state_dir.clone().or_else(|| first_of("STATE_DIRECTORY"));
        given.unwrap_or_else(|| own("XDG_STATE_HOME", ".local/state").join("dataflowkit").join(instance))
    }

    fn runtime_dir(&self, instance: &str, state_dir: &Path) -> PathBuf {
        let given = self.runtime_dir.clone().or_else(|| first_of("RUNTIME_DIRECTORY"));
        given.unwrap_or_else(|| match env::var_os("XDG_RUNTIME_DIR") {
            Some(dir) => PathBuf::from(dir).join("dataflowkit").join(instance),
            None => state_dir.join("run"),
        })
    }

    /// Runtime directories in which an instance may be listening, the likeliest first.
    pub fn listening(&self, instance: &str) -> Vec<PathBuf> {
        if let Some(dir) = &self.runtime_dir {
            return vec![dir.clone()];
        }
        let state = own("XDG_STATE_HOME", ".local/state").join("dataflowkit").join(instance);
        let state = self.state_dir.clone().unwrap_or(state);
        vec![Path::new("/run/dataflowkit").join(instance), self.runtime_dir(instance, &state)]
    }
}

/// systemd separates several directories by colons; the first is the instance's.
fn first_of(variable: &str) -> Option<PathBuf> {
    let value = env::var(variable).ok()?;
    value.split(':').next().filter(|dir| !dir.is_empty()).map(PathBuf::from)
}

fn own(variable: &str, below_home: &str) -> PathBuf {
    let given = env::var_os(variable).map(PathBuf::from).filter(|dir| dir.is_absolute());
    given.unwrap_or_else(|| PathBuf::from(env::var_os("HOME").unwrap_or_else(|| "/".into())).join(below_home))
}

/// What durable records are keyed by (K1): as configured, the machine's id, or an id of the state directory's own.
fn installation(state_dir: &Path) -> String {
    let given = env::var("DATAFLOWKIT_INSTALLATION").ok().filter(|name| !name.is_empty());
    given.or_else(sys::machine_id).unwrap_or_else(|| {
        let path = state_dir.join("installation");
        fs::read_to_string(&path).map(|id| id.trim().to_string()).unwrap_or_else(|_| {
            let id = crate::event::StreamId::mint().to_string();
            // A state directory that cannot be written is reported by the channels, which need it too.
            let _ = fs::create_dir_all(state_dir).and_then(|()| fs::write(&path, &id));
            id
        })
    })
}
