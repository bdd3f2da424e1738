// Package manifest says what a set of files is.
//
// A file is named by its git blob id, a set of files by its git tree id, so
// a directory, a commit, a zip and a version of an asset are the same kind
// of value, a [Tree], and comparing them is comparing ids.
//
// # Published form
//
// What is compared is the published form of a tree: every file has mode
// 100644 (the service's wire carries no modes), a symbolic link that stays
// inside the root is replaced by what it names, and ignored paths are left
// out. [Scan] makes it from a directory.
//
// # Text form
//
// [Tree.AppendText] writes one line for each entry in path order:
//
//	100644 blob <40 hex digits of the blob id> <size in bytes>\t<path>\n
//
// This is the output of "git ls-tree -r --long" without the padding before
// the size. A path is written as it is; [ParsePath] refuses the bytes that
// would make a line ambiguous.
package manifest
