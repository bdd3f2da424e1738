// Package watcher tells when to look at a directory.
//
// Events are hints. A [Batch] names the paths that something happened to, or
// says why everything is to be looked at; what is true stands on the disk.
//
// # What is watched
//
// Directories, never files: an editor that saves by rename takes a watched
// file away. Which directories and names count is decided as package manifest
// decides what is published: ignored directories get no watch, ignored names
// wake nobody, and a symbolic link that stays inside the root is watched where
// it leads. A change is reported under every path that it is published under.
// At most 1,000 directories of a root are watched through links; a broken link
// into an ignored directory is noticed to be whole by the timed look.
//
// For a new directory the watch is set first, then it is listed, then compared
// with what is known, so nothing that was made in between is missed.
//
// # When a batch is given out
//
// A path is settled when it was quiet for Root.Settle, a removed path after
// 500 ms at least, so that a save by rename is one modification. A path that
// came and went is nothing. A batch is given out when everything pending in
// its root is settled, and no later than Root.MaxWait after the first event of
// it. The first batch of a root has a [Reason]: it is given once the watches
// are set, so that whatever is changed after the look it asks for makes another.
//
// # Where events are not delivered
//
// On network file systems, FUSE and the like, and where the system's limits
// are reached, a root is polled: listed again and again, sizes, times and
// inodes compared. Both ways give the same batches.
package watcher
