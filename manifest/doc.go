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
// out. [Scan] makes it from a directory, [ScanSource] from a tree whose files
// have ids already, as a commit's have.
//
// A link is replaced wherever it stands, so a pattern for directories matches
// a link to one, and an ignore file behind a link counts, both unlike git. A
// link that leaves the root, even to come back, or that leads into what is
// never published, is a [Problem].
//
// With [TextLF], the published form of text has LF line ends, too. Content is
// then named by the id of that form, wherever it was found, and so two
// checkouts of one commit that differ by line ends are one tree. Without it
// bytes are what they are.
//
// # Ignore rules
//
// Which paths are left out is said by an [Ignore], in git's syntax, from the
// weakest to the strongest: a built-in list, the .gitignore files, the
// .assetsyncignore files, the target's own list; below all, what nothing can
// open. An ignore file that cannot be read makes everything in its directory
// unknown.
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
//
// # Zip form
//
// [WriteZip] writes the entries in path order and nothing else: regular files
// of mode 100644 made on Unix, dated 1980-01-01 00:00, deflated or, where that
// does not help, stored, sizes and checksum in the local header, the UTF-8
// flag where a name is not ASCII. [ReadZip] takes any zip whose entries are
// plain files and directories and refuses all else.
package manifest
