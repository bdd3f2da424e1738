package main

import (
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"
)

// diffView says what to show of differences.
type diffView struct {
	output
	stat, nameOnly bool
}

func (v *diffView) register(cmd *cobra.Command) {
	v.output.register(cmd)
	cmd.Flags().BoolVar(&v.stat, "stat", false, "show how many lines change, not the lines")
	cmd.Flags().BoolVar(&v.nameOnly, "name-only", false, "show the names of what changes alone")
	cmd.MarkFlagsMutuallyExclusive("stat", "name-only")
}

// output says how text gets to people.
type output struct {
	color   string // auto, always, never
	noPager bool
}

// colors are what --color takes.
var colors = []string{"auto", "always", "never"}

func (o *output) register(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&o.color, "color", "auto", "colour `WHEN`: auto (on a terminal, unless NO_COLOR is set), always or never")
	f.Lookup("color").NoOptDefVal = "always"
	f.BoolVar(&o.noPager, "no-pager", false, "do not show long output through a pager")
}

func (o output) check() error {
	if o.color == "" || slices.Contains(colors, o.color) {
		return nil
	}
	return usageError(nil, "use "+wordList(colors, "or"), "--color: %s is none of them", quoted(o.color))
}

// colored reports whether text for stdout has colours.
func (o output) colored(a *app) bool {
	switch o.color {
	case "always":
		return true
	case "never":
		return false
	}
	no, _ := a.getenv("NO_COLOR")
	kind, _ := a.getenv("TERM")
	return no == "" && kind != "dumb" && isTerminal(a.stdout)
}

// showText writes text to standard output: through a pager where it is long
// and people read it, and then, or with colours, without control sequences
// that are not ours. Elsewhere it is written as it is.
func (a *app) showText(o output, text string) error {
	terminal, colored := isTerminal(a.stdout), o.colored(a)
	if terminal || colored {
		text = terminalText(text, colored)
	}
	if terminal && !o.noPager && a.fillsTerminal(text) {
		if shown, err := a.page(text); shown || err != nil {
			return err
		}
	}
	_, err := io.WriteString(a.stdout, text)
	return err
}

// fillsTerminal reports whether text needs more lines than the terminal has.
func (a *app) fillsTerminal(text string) bool {
	f, ok := a.stdout.(*os.File)
	if !ok {
		return false
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil || width <= 0 || height <= 0 {
		width, height = statWidth, 24
	}
	rows := 1 // the prompt
	for line := range strings.Lines(text) {
		rows += 1 + (len(line)-1)/width // colours and wide signs make it more than it is
		if rows > height {
			return true
		}
	}
	return false
}

// The colours of git.
const (
	bold      = "\x1b[1m"
	red       = "\x1b[31m"
	green     = "\x1b[32m"
	cyan      = "\x1b[36m"
	yellow    = "\x1b[33m"
	colorsEnd = "\x1b[m"
)

// terminalText is a text that holds patches as a terminal can be given it:
// what is not printable is escaped line by line, and patches get colours.
func terminalText(text string, colored bool) string {
	var b strings.Builder
	in := outside
	for line := range strings.Lines(text) {
		body, end := strings.TrimSuffix(line, "\n"), ""
		if len(body) < len(line) {
			end = "\n"
		}
		var color string
		in, color = in.next(body)
		body = shownLine(body)
		if colored && color != "" {
			body = color + body + colorsEnd
		}
		b.WriteString(body + end)
	}
	return b.String()
}

// shownLine is shownText for a line that has tabs.
func shownLine(line string) string {
	parts := strings.Split(line, "\t")
	for i := range parts {
		parts[i] = shownText(parts[i])
	}
	return strings.Join(parts, "\t")
}

// patchPart is where in a patch a line stands.
type patchPart int

const (
	outside patchPart = iota
	inHeader
	inHunk
	inMetadata
)

// next returns the part that a line is in, and its colour. In a hunk the first
// byte of a line tells, whatever follows it.
func (p patchPart) next(line string) (patchPart, string) {
	first := byte(0)
	if line != "" {
		first = line[0]
	}
	switch {
	case p == inHunk && (first == ' ' || first == '\\'):
		return p, ""
	case (p == inHunk || p == inMetadata) && first == '-':
		return p, red
	case (p == inHunk || p == inMetadata) && first == '+':
		return p, green
	case (p == inHunk || p == inHeader) && strings.HasPrefix(line, "@@ "):
		return inHunk, cyan
	case strings.HasPrefix(line, "diff --git "):
		return inHeader, bold
	case strings.HasPrefix(line, metadataHead):
		return inMetadata, bold
	case strings.HasPrefix(line, "version "):
		return outside, yellow
	case p == inHeader && line != "":
		return inHeader, bold
	}
	return outside, ""
}
