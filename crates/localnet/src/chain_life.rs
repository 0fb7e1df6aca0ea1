//! What runs on the chain's own thread: creating its state, then producing blocks until told to
//! stop.

use crossbeam_channel::{Receiver, Sender};
use surfpool_core::{
    runloops::start_local_surfnet_runloop,
    surfnet::{
        locker::SurfnetSvmLocker,
        svm::{SurfnetSvm, SurfnetSvmConfig},
        GeyserEvent,
    },
};
use surfpool_types::{
    BlockProductionMode, RpcConfig, SimnetCommand, SimnetConfig, SimnetEvent, SurfpoolConfig,
    SvmFeatureConfig,
};

use crate::{
    config::LocalnetConfig,
    events::{FailureSlot, Lifecycle},
    ports::Endpoints,
};

/// Executed transactions whose before-and-after copies the validator keeps. They are a debugger's
/// feature that nothing here reads, and each holds a copy of every account the transaction named.
const PROFILES_MAX: usize = 1;

/// What the chain's thread hands out once its state exists.
pub(crate) struct Born {
    pub locker: SurfnetSvmLocker,
    pub events: Receiver<SimnetEvent>,
}

/// Everything the chain's thread owns.
pub(crate) struct ChainLife {
    pub surfpool: SurfpoolConfig,
    pub commands: Sender<SimnetCommand>,
    pub commands_rx: Receiver<SimnetCommand>,
    pub lifecycle: Sender<Lifecycle>,
    pub failure: FailureSlot,
}

impl ChainLife {
    /// Creates the state here rather than on the caller's thread: creation blocks, and the caller
    /// may be inside a runtime that forbids it.
    pub fn live(self, born: Sender<Result<Born, String>>) {
        let (svm, events, geyser) = match SurfnetSvm::new(svm_config(&self.surfpool)) {
            Ok(created) => created,
            Err(error) => {
                let _ = born.send(Err(error.to_string()));
                return;
            }
        };
        let locker = SurfnetSvmLocker::new(svm);
        let handed_out = Born {
            locker: locker.clone(),
            events,
        };
        if born.send(Ok(handed_out)).is_err() {
            return;
        }
        let (lifecycle, failure) = (self.lifecycle.clone(), self.failure.clone());
        if let Err(reason) = self.produce_blocks(locker, geyser) {
            failure.record(&reason);
            let _ = lifecycle.send(Lifecycle::Aborted(reason));
        }
    }

    fn produce_blocks(
        self,
        locker: SurfnetSvmLocker,
        geyser: Receiver<GeyserEvent>,
    ) -> Result<(), String> {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("localnet-blocks")
            .enable_all()
            .build()
            .map_err(|error| error.to_string())?
            .block_on(start_local_surfnet_runloop(
                locker,
                self.surfpool,
                self.commands,
                self.commands_rx,
                geyser,
            ))
            .map_err(|error| error.to_string())
    }
}

pub(crate) fn surfpool_config(config: &LocalnetConfig, endpoints: &Endpoints) -> SurfpoolConfig {
    let simnet = SimnetConfig {
        offline_mode: true,
        remote_rpc_url: None,
        slot_time: config.slot_ms,
        block_production_mode: BlockProductionMode::Clock,
        airdrop_addresses: config.airdrop.clone(),
        airdrop_token_amount: config.airdrop_lamports,
        instruction_profiling_enabled: false,
        max_profiles: PROFILES_MAX,
        ..SimnetConfig::default()
    };
    SurfpoolConfig {
        simnets: vec![simnet],
        rpc: RpcConfig {
            bind_host: endpoints.rpc.ip().to_string(),
            bind_port: endpoints.rpc.port(),
            ws_port: endpoints.ws.port(),
            ..RpcConfig::default()
        },
        ..SurfpoolConfig::default()
    }
}

fn svm_config(surfpool: &SurfpoolConfig) -> SurfnetSvmConfig {
    let simnet = &surfpool.simnets[0];
    SurfnetSvmConfig {
        surfnet_id: simnet.surfnet_id.clone(),
        slot_time: simnet.slot_time,
        instruction_profiling_enabled: simnet.instruction_profiling_enabled,
        max_profiles: simnet.max_profiles,
        log_bytes_limit: simnet.log_bytes_limit,
        feature_config: SvmFeatureConfig::default(),
        skip_blockhash_check: false,
    }
}
