package sync

import "slices"

// Reads returns the operations of the service that an [Engine] may call to
// look: for a status, a diff, a log, a pull, and a push that is a dry run.
func Reads() []string {
	return []string{"GetAsset", "GetAssetContent", "GetAssetFile", "ListAssetFiles", "ListAssetVersions", "ListAssets"}
}

// Writes returns those that a push may call beside [Reads]. An engine makes
// files by CreateAssetFile only where a probe has shown that
// this is safe, and by UpdateAsset where it is not allowed.
func Writes() []string {
	return []string{"CreateAsset", "CreateAssetFile", "DeleteAssetFile", "UpdateAsset", "UpdateAssetFile"}
}

// Deletes returns what [Engine.Drop] calls beside [Reads]: no other verb does.
func Deletes() []string { return []string{"DeleteAsset"} }

// Operations returns what an [Engine] may call at all but [Deletes], sorted.
func Operations() []string {
	return slices.Sorted(slices.Values(append(Reads(), Writes()...)))
}
