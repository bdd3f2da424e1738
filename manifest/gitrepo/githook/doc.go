// Package githook keeps a block of lines of ours in the hook files of git.
//
// # The block
//
// It stands between two lines that are comments to the shell,
//
//	# >>> assetsync >>>
//	# <<< assetsync <<<
//
// and comes before all other commands of the file, after the first line and the
// comments below that: a block at the end would never run after an exit or an
// exec, which most generated hooks end with. What is outside of it is never
// changed, not by a byte: [Remove] after [Insert] gives back what was there.
// Lines of the block end in LF, also in a file whose other lines end in CRLF,
// because a shell takes a CR for a part of a word.
//
// A hook that stands before the others must leave them what git gives them. The
// block sets no option of the shell, changes no variable that is not its own,
// and hands on what it read of standard input.
package githook
