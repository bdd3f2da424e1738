// Package gitrepo works with trees in git repositories.
//
// # Worktrees
//
// [Worktree] is a repository that people work in. It is only looked at: no
// lock is taken, nothing is written, no git is started, and neither git's
// configuration nor its environment is read. What is read is bounded, and the
// name of a ref is checked before it becomes a path, for the repository may be
// anybody's. The layout is gitrepository-layout(5), with loose and packed
// refs, linked worktrees, submodules, shallow and partial clones, and
// alternates. Refs kept as reftable and SHA-256 objects are not supported.
//
// [Commit] is the tree of a commit as a source: what a scan of a clean
// checkout finds, with the bytes that the repository holds. [Worktree.FS] is
// such a tree for all else that reads files. [Worktree.Line] and
// [Worktree.Later] say in which commits the tree at a path came and went; they
// read ids only. Revisions are named as git names them, see [Worktree.Resolve].
//
// # History
//
// [History] is a bare repository that any git can read. For each target it
// holds two chains of commits, the newest at the ref:
//
//	refs/assetsync/<env>/<target>/versions  every version that was read
//	refs/assetsync/<env>/<target>/kept      bytes that were about to be overwritten
//
// A commit of versions holds the published form of the version. Its parent
// is what arrived before it, which need not be the version before it: order
// of arrival is all that a chain can promise when versions are read in any
// order. A version may arrive again, so that a stretch of the chain is in the
// order of the versions. The number stands in a trailer:
//
//	<message>
//
//	Assetsync-Version: 12
//	Assetsync-Foreign: true
//	Assetsync-Metadata: {"agent_types":["GENERIC"]}
//
// The metadata is that of the asset as of the version, where it is known.
// A commit of kept holds one file, at its path. Nothing here removes or
// rewrites either ref, so git never prunes what they reach.
//
// In the refs, each of env and target is one segment: a byte other than an
// ASCII letter, a digit, "-", "_" or an inner "." is written as % with two
// hexadecimal digits, and no name at all as "-".
//
// # Durability
//
// Objects are on disk before the ref that names them, directories included,
// and both before a method returns. A ref is replaced by a rename. Writers of
// several processes take turns by a lock on the file assetsync.lock, which
// ends with its process; "git gc" takes no part in that, so it is to be run
// while no assetsync runs.
package gitrepo
