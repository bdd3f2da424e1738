// Package worktree makes a plan's local changes in a directory.
//
// # What is guaranteed
//
// People save files while a plan is carried out. A file is therefore never
// replaced or removed on the strength of what it was a moment ago: it is
// taken away in one step, looked at, and put back when it is not what the
// plan assumed. Bytes that go for good are first given to the caller's [Keep].
// So after any error and any crash each byte that a user saved is at its
// path, with Keep, or in a file beside its path whose name begins with
// [manifest.TempPrefix]. [Worktree.Rescue] puts those of a marked run into their
// place again; [Worktree.Sweep] gives others to Keep, too.
//
// Where a plan names text by its LF form, a file is what it names with any line
// ends. What goes is kept as it was, and a save in between that changes line
// ends alone is a save as any other.
//
// With a [Worktree.Mark], Apply leaves traces by which [Worktree.Brought] knows of
// a file that was changed since whether it had been made or replaced: the replaced
// file, where the exchange has put it, and an empty file beside a new one. They are
// temporary files, too, which the caller ends by [Worktree.Discard] once it has no
// need of them. Where names are not exchanged in one step, a crash in between leaves
// none.
//
// What cannot be seen: a program that has a file open since before it was
// exchanged, and writes into it after it was looked at. Where the system
// cannot exchange two names in one step, package durable says what is weaker.
//
// # Symbolic links
//
// What a plan names is the published file. Where its path is a link that stays
// inside the directory, a file takes the place of the link, or the link goes, as
// in a checkout of git; what it names stays as it is, for that is a path of its
// own, or not published at all. A link stays where what it names becomes the very
// same. Below a linked directory nothing is changed: what the plan wants there is
// so by then, because of what the link leads to, or it is refused with
// [ErrInTheWay]. So nothing is ever written through a link, be it out of the
// directory or into .git and .assetsync.
package worktree
