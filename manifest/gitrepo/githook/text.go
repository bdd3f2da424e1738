package githook

import (
	"bytes"
	"errors"
	"path"
	"slices"
	"strings"
)

const (
	begin = "# >>> assetsync >>>"
	end   = "# <<< assetsync <<<"

	// shebang is the first line of a hook file that is ours alone.
	shebang = "#!/bin/sh\n"
)

var (
	// ErrDamaged is a block of which only one end is there.
	ErrDamaged = errors.New(`one of the lines "` + begin + `" and "` + end + `" is there without the other`)

	// ErrNotShell is a hook in another language than the shell's.
	ErrNotShell = errors.New("it is not a shell script")
)

// shells read the block. Those of another syntax, csh and fish, do not.
var shells = []string{"sh", "bash", "dash", "ash", "ksh", "ksh93", "mksh", "pdksh", "yash", "zsh", "busybox"}

// Insert returns a hook's text with the block in it, in the place of one that
// is there. No text at all becomes a script. It fails with [ErrNotShell] and
// [ErrDamaged].
func Insert(text []byte, block string) ([]byte, error) {
	if len(text) == 0 {
		return []byte(shebang + block), nil
	}
	if !isShell(text) {
		return nil, ErrNotShell
	}
	blocks, err := find(text)
	if err != nil {
		return nil, err
	}
	if len(blocks) == 0 {
		return insertAt(text, header(text), block), nil
	}
	first := blocks[0]
	for _, b := range slices.Backward(blocks[1:]) {
		text = cut(text, b)
	}
	if first.to > len(text) || text[first.to-1] != '\n' {
		block = strings.TrimSuffix(block, "\n")
	}
	return slices.Concat(text[:first.from], []byte(block), text[min(first.to, len(text)):]), nil
}

// insertAt puts the block between two lines. After a last line that has no
// newline it gets one before it and none behind it, by which Remove knows.
func insertAt(text []byte, at int, block string) []byte {
	if at == len(text) && text[at-1] != '\n' {
		return slices.Concat(text, []byte("\n"+strings.TrimSuffix(block, "\n")))
	}
	return slices.Concat(text[:at], []byte(block), text[at:])
}

// Remove returns a hook's text without the block, and whether there was one.
// It fails with [ErrDamaged].
func Remove(text []byte) (rest []byte, found bool, err error) {
	blocks, err := find(text)
	if err != nil {
		return nil, false, err
	}
	for _, b := range slices.Backward(blocks) {
		text = cut(text, b)
	}
	return text, len(blocks) > 0, nil
}

// cut takes a block out.
func cut(text []byte, b span) []byte {
	if b.to == len(text) && text[b.to-1] != '\n' && b.from > 0 {
		b.from-- // the newline that came with it
	}
	return slices.Concat(text[:b.from], text[b.to:])
}

// IsOurs reports whether nothing is left of a hook but what Insert made of no
// text.
func IsOurs(rest []byte) bool { return len(rest) == 0 || string(rest) == shebang }

// Line returns the command that the block runs, as [Call.Line] has it; "" where
// there is no block.
func Line(text []byte) string {
	const program, call, args = "assetsync=", `"$assetsync" hook run `, ` -- "$@"`
	blocks, err := find(text)
	if err != nil || len(blocks) == 0 {
		return ""
	}
	path := ""
	for line := range strings.Lines(string(text[blocks[0].from:blocks[0].to])) {
		line = strings.TrimSpace(line)
		if word, ok := strings.CutPrefix(line, program); ok {
			path = word
		}
		if i := strings.Index(line, call); i >= 0 {
			line, _, _ = strings.Cut(line[i:], args)
			return strings.Replace(line, `"$assetsync"`, path, 1)
		}
	}
	return ""
}

// span is a part of a text.
type span struct{ from, to int }

// find returns the blocks of a text, whole lines each.
func find(text []byte) (blocks []span, err error) {
	from, at := -1, 0
	for line := range bytes.Lines(text) {
		next := at + len(line)
		switch marker := strings.TrimRight(string(line), " \t\r\n"); {
		case marker == begin && from >= 0, marker == end && from < 0:
			return nil, ErrDamaged
		case marker == begin:
			from = at
		case marker == end:
			blocks, from = append(blocks, span{from, next}), -1
		}
		at = next
	}
	if from >= 0 {
		return nil, ErrDamaged
	}
	return blocks, nil
}

// header returns where the first line and the comments below it end. Comments
// at the top of a file without a first line for the system count as well.
func header(text []byte) (at int) {
	for line := range bytes.Lines(text) {
		if line[0] != '#' {
			break
		}
		at += len(line)
	}
	return at
}

// isShell reports whether a text is a script that a shell of POSIX reads: by
// its first line, or in want of one because that is what git does with it.
func isShell(text []byte) bool {
	if bytes.IndexByte(text, 0) >= 0 {
		return false
	}
	rest, named := bytes.CutPrefix(text, []byte("#!"))
	if !named {
		return true
	}
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	return slices.Contains(shells, interpreter(string(line)))
}

// interpreter returns the base name of the program of a first line, also where
// env looks for it.
func interpreter(line string) string {
	words := strings.Fields(strings.ReplaceAll(line, `\`, "/"))
	for len(words) > 0 {
		name := strings.TrimSuffix(path.Base(words[0]), ".exe")
		words = words[1:]
		if name != "env" {
			return name
		}
		for len(words) > 0 && (strings.HasPrefix(words[0], "-") || strings.Contains(words[0], "=")) {
			words = words[1:]
		}
	}
	return ""
}
