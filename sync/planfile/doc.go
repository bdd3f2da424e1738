// Package planfile is the document that holds what a push would do, for
// somebody to look at before a push does exactly that.
//
// # Format
//
// A plan is one JSON object in UTF-8, indented by two spaces, with a line end
// at its end. [Document] has its members in their order; "format" is the first,
// and [Format] the only one that is known: another one is refused. [Parse]
// takes what [Encode] writes and not one byte else, so nothing in a plan can be
// said twice, or in another way than it is read, and a plan that somebody has
// changed by hand is told from one that a program has made. It is no signature:
// who may write the file may write another plan. A plan has at most [MaxBytes].
//
// # What is in it
//
// Names, git ids and sizes of files, never their bytes; values of the metadata
// as reports show them, credentials masked. Ids of files are those of git blobs,
// ids of trees those of git trees of the target's own files in published form.
package planfile
