//! Bindings generated from `wit/`, with the host's own types behind the resources.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "callfs:plugin/host",
    imports: {
        "callfs:plugin/io.[static]source.from-stream": store | trappable,
        "callfs:plugin/io.[static]source.into-stream": store | trappable,
        default: trappable,
    },
    exports: { default: async },
    with: {
        "callfs:plugin/io.source": super::io::HostSource,
        "callfs:plugin/io.transfer": super::io::HostTransfer,
        "callfs:plugin/directories.directory": super::directories::HostDirectory,
    },
});
