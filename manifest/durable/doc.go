// Package durable writes files so that they survive a crash.
//
// Every change of a name goes through a [Dir]. When one of its methods
// returns nil, the change is on disk: file contents are synced before they
// get their name, directories after a name in them changed. A crash at any
// point leaves each name with its old content or its new content, never with
// a part, and at worst a file whose name begins with [manifest.TempPrefix].
//
// # What the file system must give
//
// Linux (renameat2) and macOS (renamex_np) exchange two names, or rename
// without replacing, in one step. On other systems, and on file systems that
// refuse (NFS, some FUSE ones), the guarantee is weaker:
//
//   - renaming without replacing is a hard link, then an unlink: nothing is
//     ever replaced, but both names exist for a moment. Where hard links are
//     refused too it is a look, then a rename: a file that is created between
//     the two is replaced.
//   - exchanging is three renames: one name is absent for a moment, and a
//     crash in that moment leaves its file under a temporary name.
//
// Directories cannot be synced on Windows, nor on file systems that refuse
// it; there the system decides when a new name is on disk.
package durable
