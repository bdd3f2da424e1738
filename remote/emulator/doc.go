// Package emulator is a service that keeps assets in one file and speaks the
// wire of the real one as an [http.Handler].
//
// It is as strict as the service is known to be. Where nobody knows what the
// service does, a [Quirks] member chooses between the readings; where a
// reading would let a mistake pass, the strict one is built in:
//
//   - paths with empty, "." or ".." segments, paths that are both file and
//     directory, and zips with entries for directories are refused;
//   - the main file and the last file cannot be deleted;
//   - a version that does not exist, and any version of a deleted asset, is
//     NotFound;
//   - only a zip re-reads frontmatter into metadata;
//   - content over a limit of size is ContentSizeExceeded, a count over a
//     quota ServiceQuotaExceeded, everything else about the content
//     Validation;
//   - tokens of every operation share one name space for each agent space and
//     never expire; only CreateAsset answers a known one with the earlier
//     result.
//
// Requests are routed by method and path, never by host.
//
// # Store
//
// The file is a bbolt database. Every write request is one transaction,
// synced to disk before it is answered: after a crash there is the old state
// or the new one. A request that is refused leaves nothing but its client
// token. Buckets, with NUL between the parts of a key, numbers big-endian,
// and values in JSON unless said otherwise:
//
//	meta      "format" -> "1"; "secret" -> key of the page tokens' seal
//	blobs     git blob id, 20 bytes -> content, raw
//	assets    space, asset id -> type, newest version, deleted or not
//	versions  space, asset id, version as 4 bytes -> metadata, times, files by path with their blobs
//	tokens    space, client token -> digest of the request, asset that it made
//	log       sequence as 8 bytes -> one write that took effect
//
// Versions and blobs are kept for ever. A file of another format is refused.
//
// Unless it is opened exclusively, the file is open and locked only while a
// request needs it, so that several processes can share it. A request that
// waits two seconds in vain for another process is answered as throttled,
// which says that it had no effect and may be repeated.
package emulator
