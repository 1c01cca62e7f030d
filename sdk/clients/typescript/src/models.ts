// Generated from the OpenAPI document by generate.js; do not edit.

export type paths = Record<string, never>;
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description One of these. */
        Change: components["schemas"]["MoveEntry"] | components["schemas"]["RenameEntry"] | components["schemas"]["ExchangeEntry"] | components["schemas"]["SetAttributes"];
        /** @description The last line of a stream that `limit` has cut. */
        Continuation: {
            /** @description The cursor of the entries that follow: their `after`. */
            next: string;
            type: components["schemas"]["ContinuationType"];
        };
        /**
         * @description Tells the line from an entry, which has another type.
         * @enum {string}
         */
        ContinuationType: "next";
        /** @description A file or a directory. */
        Entry: {
            /** @description The media type of a file. Only with `fields=content_type`, and `null` if it is not a file. */
            content_type?: string | null;
            /** @description As in `ETag`, without the quotes. */
            etag: string | null;
            /** @description The group that owns it. */
            group: string;
            /** @description POSIX permission bits in octal. */
            mode: string;
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            mtime: string | null;
            /** @description The last name of its path; empty for the root. */
            name: string;
            /** @description The user that owns it. */
            owner: string;
            /** @description The path from the root. */
            path: string;
            /**
             * @description SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
             *     not known.
             */
            sha256?: string | null;
            /**
             * Format: int64
             * @description In bytes.
             */
            size: number;
            type: components["schemas"]["EntryType"];
        };
        /**
         * @description A member that the entries of a listing have only on request.
         * @enum {string}
         */
        EntryField: "sha256" | "content_type";
        /**
         * @description What an entry is.
         * @enum {string}
         */
        EntryType: "file" | "directory" | "special";
        /** @description Let the entry and the one at `destination` change places in one step, each with everything below it. */
        ExchangeEntry: {
            /**
             * @description With `name`: the path of the mount to move to, where it keeps its place. With
             *     `destination`: the mount that has to be in.
             */
            backend?: string;
            /** @description Another path. */
            destination: string;
            /**
             * @description The entity tags of which the file at the other path must have one, as in `If-Match`, or `*`.
             * @example "v1"
             */
            destination_if_match?: string;
            /**
             * @description Whether the entries at both paths change places in one step, each with everything below it.
             *     Both have to exist, of any type, and their storage has to be able to do it.
             */
            exchange: boolean;
            /** @description The node to move to, by its id. */
            instance?: string;
        };
        /** @description The response of a service that is well. */
        Health: {
            status: components["schemas"]["HealthStatus"];
        };
        /**
         * @description Whether the service or a part of it works.
         * @enum {string}
         */
        HealthStatus: "ok" | "failed";
        /** @description A link with its token, which no later response has. */
        IssuedLink: {
            disposition: components["schemas"]["LinkDisposition"];
            /**
             * Format: date-time
             * @description When it stops working.
             */
            expires: string | null;
            /** @description The name to save it under, if it is not the file's own. */
            filename: string | null;
            /** @description Names the link where it is looked up or revoked. */
            id: string;
            /**
             * Format: int32
             * @description How often a file can be downloaded with it; `null` if it is unlimited.
             */
            max_downloads: number | null;
            /** @description What it shares. */
            path: string;
            /** @description The secret part of the URL. */
            token: string;
            /**
             * @description What a link shares.
             * @enum {string}
             */
            type: "file" | "directory";
            /** @description Whether there is no limit of downloads until it expires. */
            unlimited: boolean;
            /** @description Where the file can be downloaded, or the directory listed. */
            url: string;
        };
        /** @description A link, but for its token. */
        Link: {
            /**
             * Format: date-time
             * @description When it was made.
             */
            created: string | null;
            disposition: components["schemas"]["LinkDisposition"];
            /**
             * Format: int32
             * @description How often it was downloaded; `null` if it is unlimited, because that is not counted.
             */
            downloads: number | null;
            /**
             * Format: date-time
             * @description When it stops working.
             */
            expires: string | null;
            /** @description The name to save it under, if it is not the file's own. */
            filename: string | null;
            /** @description Names the link where it is looked up or revoked. */
            id: string;
            /** @description The user that made it. */
            maker: string;
            /**
             * Format: int32
             * @description How often a file can be downloaded with it; `null` if it is unlimited.
             */
            max_downloads: number | null;
            /** @description What it shares. */
            path: string;
            /**
             * @description What a link shares.
             * @enum {string}
             */
            type: "file" | "directory";
            /** @description Whether there is no limit of downloads until it expires. */
            unlimited: boolean;
        };
        /**
         * @description What a browser does with the files of a link.
         * @enum {string}
         */
        LinkDisposition: "attachment" | "inline";
        /** @description A link to create. */
        LinkRequest: {
            /** @description What a browser does with the files: it saves them unless this is `inline`. */
            disposition?: components["schemas"]["LinkDisposition"];
            /**
             * Format: int64
             * @description For how many seconds; the configuration has a maximum, and a default for links without
             *     `unlimited`.
             */
            expiry_seconds?: number;
            /** @description The name to save it under, if it is not to be the file's own. */
            filename?: string;
            /**
             * Format: int32
             * @description How often the file can be downloaded with it; once unless given.
             */
            max_downloads?: number;
            /**
             * @description The file or the directory to share. A directory is shared with everything below it, and
             *     needs `unlimited`.
             */
            path: string;
            /**
             * @description Allow any number of downloads until it expires, without counting them; instead of
             *     `max_downloads`, and together with `expiry_seconds`.
             */
            unlimited?: boolean;
        };
        /** @description A page of links. */
        Links: {
            /** @description The links. */
            items: components["schemas"]["Link"][];
            /** @description The cursor of the next page: its `after`; `null` on the last page. */
            next: string | null;
        };
        /** @description A page of a listing. */
        Listing: {
            /** @description How many entries this page has. */
            count: number;
            /** @description The entries, by the bytes of their paths. */
            items: components["schemas"]["Entry"][];
            /** @description How deep, if that was limited. */
            max_depth: number | null;
            /** @description The cursor of the next page: its `after`; `null` on the last page. */
            next: string | null;
            /** @description The path of the directory. */
            path: string;
            /** @description Whether everything below is listed, too. */
            recursive: boolean;
            type: components["schemas"]["EntryType"];
        };
        /** @description A line of a stream: an entry, or at the end of a stream that `limit` has cut, where it continues. The `type` tells one from the other. */
        ListingLine: components["schemas"]["Entry"] | components["schemas"]["Continuation"];
        /** @description Move to another path, also of another mount. */
        MoveEntry: {
            /**
             * @description With `name`: the path of the mount to move to, where it keeps its place. With
             *     `destination`: the mount that has to be in.
             */
            backend?: string;
            /** @description Whether missing directories on the way are made. */
            create_parents?: boolean;
            /** @description Another path. */
            destination: string;
            /** @description The node to move to, by its id. */
            instance?: string;
            /** @description Whether a file or an empty directory that is there may be replaced. */
            overwrite?: boolean;
        };
        /** @description A part of the service and its state. */
        Part: {
            /** @description Which part. */
            name: string;
            status: components["schemas"]["HealthStatus"];
        };
        /** @description A failure as the client reads it (RFC 9457). Some codes have further members. */
        Problem: {
            code: components["schemas"]["ProblemCode"];
            /** @description What is wrong with this request. */
            detail: string;
            /** @description The path of the request. */
            instance: string;
            /** @description The same as `detail`. */
            message: string;
            /** @description The component that failed, if one did. */
            plugin?: string | null;
            /** @description As in `X-Request-Id`. */
            request_id: string;
            /**
             * Format: int32
             * @description The status of the response.
             */
            status: number;
            /** @description The status in words. */
            title: string;
            /** @description `about:blank`: the code says more than a URL could. */
            type: string;
        };
        /**
         * @description The kind of a failure. A code keeps its meaning; later versions may add codes.
         * @enum {string}
         */
        ProblemCode: "AUTHENTICATION_FAILED" | "BACKEND_TIMEOUT" | "BACKEND_UNAVAILABLE" | "BAD_REQUEST" | "DIGEST_MISMATCH" | "DIRECTORY_NOT_EMPTY" | "FILE_ALREADY_EXISTS" | "FILE_NOT_FOUND" | "GONE" | "HEADERS_TOO_LARGE" | "INSUFFICIENT_STORAGE" | "INTERNAL_ERROR" | "IS_A_DIRECTORY" | "LOCKED" | "METHOD_NOT_ALLOWED" | "NOT_A_DIRECTORY" | "NOT_FOUND" | "NOT_IMPLEMENTED" | "NOT_READY" | "PAYLOAD_TOO_LARGE" | "PERMISSION_DENIED" | "PLUGIN_FAILED" | "PRECONDITION_FAILED" | "RANGE_NOT_SATISFIABLE" | "RATE_LIMIT_EXCEEDED" | "UNSUPPORTED" | "URI_TOO_LONG";
        /** @description The response of a service that can serve. */
        Readiness: {
            /** @description Every part of the service. */
            parts: components["schemas"]["Part"][];
            status: components["schemas"]["HealthStatus"];
        };
        /** @description Give another name, in the same directory or at the same place below another mount. */
        RenameEntry: {
            /**
             * @description With `name`: the path of the mount to move to, where it keeps its place. With
             *     `destination`: the mount that has to be in.
             */
            backend?: string;
            /** @description Whether missing directories on the way are made. */
            create_parents?: boolean;
            /** @description The node to move to, by its id. */
            instance?: string;
            /** @description Another name in the same directory. */
            name: string;
            /** @description Whether a file or an empty directory that is there may be replaced. */
            overwrite?: boolean;
        };
        /** @description What this service is, and links to the rest, relative to this one. */
        Root: {
            /** @description Where the documentation of the API is. */
            documentation: string;
            /** @description Where the files are. */
            files: string;
            /** @description The name of the service. */
            name: string;
            /** @description Where the OpenAPI document is. */
            openapi: string;
            /** @description The version that it runs. */
            version: string;
        };
        /** @description Change attributes: any of these, and at least one. */
        SetAttributes: {
            /** @description The group that owns it. */
            group?: string;
            /** @description POSIX permission bits and the sticky bit, in octal: at most `1777`. */
            mode?: string;
            /**
             * Format: date-time
             * @description Of a file: when it was last changed.
             */
            mtime?: string;
            /** @description The user that owns it. */
            owner?: string;
        };
        /** @description An entry of a directory that a link shares. */
        SharedEntry: {
            /** @description The media type of a file. Only with `fields=content_type`, and `null` if it is not a file. */
            content_type?: string | null;
            /** @description As in `ETag`, without the quotes. */
            etag: string | null;
            /**
             * Format: date-time
             * @description When it was last changed.
             */
            mtime: string | null;
            /** @description The last name of its path; empty for the directory that the link shares. */
            name: string;
            /** @description The path from the directory that the link shares. */
            path: string;
            /**
             * @description SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
             *     not known.
             */
            sha256?: string | null;
            /**
             * Format: int64
             * @description In bytes.
             */
            size: number;
            type: components["schemas"]["EntryType"];
        };
        /** @description A form with one file and nothing else. Its part may have any name. */
        UploadForm: {
            [key: string]: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type Change = components['schemas']['Change'];
export type Continuation = components['schemas']['Continuation'];
export type ContinuationType = components['schemas']['ContinuationType'];
export type Entry = components['schemas']['Entry'];
export type EntryField = components['schemas']['EntryField'];
export type EntryType = components['schemas']['EntryType'];
export type ExchangeEntry = components['schemas']['ExchangeEntry'];
export type Health = components['schemas']['Health'];
export type HealthStatus = components['schemas']['HealthStatus'];
export type IssuedLink = components['schemas']['IssuedLink'];
export type Link = components['schemas']['Link'];
export type LinkDisposition = components['schemas']['LinkDisposition'];
export type LinkRequest = components['schemas']['LinkRequest'];
export type Links = components['schemas']['Links'];
export type Listing = components['schemas']['Listing'];
export type ListingLine = components['schemas']['ListingLine'];
export type MoveEntry = components['schemas']['MoveEntry'];
export type Part = components['schemas']['Part'];
export type Problem = components['schemas']['Problem'];
export type ProblemCode = components['schemas']['ProblemCode'];
export type Readiness = components['schemas']['Readiness'];
export type RenameEntry = components['schemas']['RenameEntry'];
export type Root = components['schemas']['Root'];
export type SetAttributes = components['schemas']['SetAttributes'];
export type SharedEntry = components['schemas']['SharedEntry'];
export type UploadForm = components['schemas']['UploadForm'];
export type $defs = Record<string, never>;
export type operations = Record<string, never>;
