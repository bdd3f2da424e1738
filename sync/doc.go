// Package sync keeps assets in step with their sources.
//
// An [Engine] serves one [Target]. Each verb is the same straight loop:
//
//	settle   what an earlier run left behind, as far as it is proven
//	observe  both sides; the remote pinned to one version
//	plan     by [diff.Three], from the base of the last time both were settled
//	guard    refuse what looks like an accident
//	intend   what is about to be sent is durable before the first write
//	publish  or check out
//	prove    read back, account for every version since the observed one
//	record   base and history in one transaction, then the intent goes
//
// There is no compare-and-swap on the service. What stands in for it is the
// proof: a version that somebody else made between the observed one and ours
// is read, and what ours overwrote of it is put back.
//
// Importers name this package assetsync, so that the standard library's sync
// keeps its name.
package sync
