//! Bindings generated from `wit/`: one module for everything the host offers, and one for each
//! interface that a component may export, so that a component exports what it implements and
//! nothing else.

wit_bindgen::generate!({
    path: "../wit",
    world: "callfs:plugin/imports",
    generate_all,
    generate_unused_types: true,
    additional_derives: [PartialEq, Eq],
    additional_derives_ignore: ["request", "response", "written"],
    runtime_path: "::callfs_sdk::wit_bindgen::rt",
});

pub mod lifecycle {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-lifecycle",
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_lifecycle",
        default_bindings_module: "callfs_sdk::bindings::lifecycle",
    });
}

pub mod storage {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
            "callfs:plugin/io@0.1.0": ::callfs_sdk::bindings::callfs::plugin::io,
        },
        generate_all,
        additional_derives: [PartialEq, Eq],
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage",
        default_bindings_module: "callfs_sdk::bindings::storage",
    });
}

pub mod storage_write {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-write",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
            "callfs:plugin/io@0.1.0": ::callfs_sdk::bindings::callfs::plugin::io,
        },
        generate_all,
        additional_derives: [PartialEq, Eq],
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_write",
        default_bindings_module: "callfs_sdk::bindings::storage_write",
    });
}

pub mod storage_directories {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-directories",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_directories",
        default_bindings_module: "callfs_sdk::bindings::storage_directories",
    });
}

pub mod storage_modes {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-modes",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_modes",
        default_bindings_module: "callfs_sdk::bindings::storage_modes",
    });
}

pub mod storage_rename {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-rename",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_rename",
        default_bindings_module: "callfs_sdk::bindings::storage_rename",
    });
}

pub mod storage_exchange {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-exchange",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_exchange",
        default_bindings_module: "callfs_sdk::bindings::storage_exchange",
    });
}

pub mod storage_copy {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-copy",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
            "callfs:plugin/io@0.1.0": ::callfs_sdk::bindings::callfs::plugin::io,
        },
        generate_all,
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_copy",
        default_bindings_module: "callfs_sdk::bindings::storage_copy",
    });
}

pub mod storage_delegation {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-storage-delegation",
        generate_all,
        additional_derives: [PartialEq, Eq],
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_storage_delegation",
        default_bindings_module: "callfs_sdk::bindings::storage_delegation",
    });
}

pub mod authenticator {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-authenticator",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        additional_derives: [PartialEq, Eq],
        additional_derives_ignore: ["credential"],
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_authenticator",
        default_bindings_module: "callfs_sdk::bindings::authenticator",
    });
}

pub mod authorizer {
    wit_bindgen::generate!({
        path: "../wit",
        world: "callfs:plugin/exports-authorizer",
        with: {
            "callfs:plugin/types@0.1.0": ::callfs_sdk::bindings::callfs::plugin::types,
        },
        generate_all,
        additional_derives: [PartialEq, Eq],
        runtime_path: "::callfs_sdk::wit_bindgen::rt",
        pub_export_macro: true,
        export_macro_name: "__export_authorizer",
        default_bindings_module: "callfs_sdk::bindings::authorizer",
    });
}
