// Package diff says what changed.
//
// Its functions are pure: no I/O, no clock, the same answer for the same
// input. [Two] compares two trees. [Three] compares two sides with the base,
// which is what both were when they were last settled, then says what to
// publish, what to check out, what is in conflict. [Unified] and [Stat] show
// changes of text as git shows them.
//
// [Merge] puts two changes of one text together, or says that they collide. It
// decides as "git merge-file" does, except in some cases where lines repeat
// and a change can be seen in more than one way (about 1 in 150 of texts made
// to provoke that, which the tests count). [MergeMarked] shows what collides
// between git's conflict markers.
package diff
