package diff

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/text/width"

	"assetsync/manifest"
)

// FileStat is how much of one file changed.
type FileStat struct {
	Path             manifest.Path
	Added, Deleted   int // lines; 0 when Binary
	Binary           bool
	OldSize, NewSize int64 // bytes
}

// StatOf counts the lines that turn old into new. An absent side is empty.
func StatOf(path manifest.Path, old, new []byte) FileStat {
	s := FileStat{Path: path, OldSize: int64(len(old)), NewSize: int64(len(new))}
	if s.Binary = IsBinary(old) || IsBinary(new); s.Binary {
		return s
	}
	for _, e := range lineEdits(string(old), string(new), splitLines(string(old))) {
		s.Deleted += e.oldEnd - e.oldStart
		s.Added += e.newEnd - e.newStart
	}
	return s
}

// Stat returns what "git diff --stat=width" prints: a line for each file with
// a graph, then the sums. It is at most width columns wide as long as width
// leaves room for anything. No files give "".
func Stat(files []FileStat, width int) string {
	if len(files) == 0 {
		return ""
	}
	l := newStatLayout(files, width)
	var b strings.Builder
	added, deleted := 0, 0
	for _, f := range files {
		l.write(&b, f)
		added += f.Added
		deleted += f.Deleted
	}
	fmt.Fprintf(&b, " %d %s changed", len(files), plural(len(files), "file", "files"))
	if added > 0 || deleted == 0 {
		fmt.Fprintf(&b, ", %d %s(+)", added, plural(added, "insertion", "insertions"))
	}
	if deleted > 0 || added == 0 {
		fmt.Fprintf(&b, ", %d %s(-)", deleted, plural(deleted, "deletion", "deletions"))
	}
	b.WriteByte('\n')
	return b.String()
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// statLayout are the column widths, found as git's show_stats finds them.
type statLayout struct {
	name, number, graph int
	most                int // changed lines of the most changed file
}

func newStatLayout(files []FileStat, total int) statLayout {
	var l statLayout
	binary := 0 // columns of the widest "Bin OLD -> NEW bytes"
	for _, f := range files {
		l.name = max(l.name, columns(string(f.Path)))
		l.most = max(l.most, f.Added+f.Deleted)
		if f.Binary {
			l.number = len("Bin")
			binary = max(binary, len(f.binary()))
		}
	}
	l.number = max(l.number, len(strconv.Itoa(l.most)))
	const frame = len(" ") + len(" | ") + len(" ") + 1 // git keeps one column free
	total = max(total, 16+frame+l.number)
	l.graph = l.most
	if l.most+len("Bin ") <= binary {
		l.graph = binary - len("Bin ")
	}
	if l.name+l.number+frame+l.graph > total {
		if most := total*3/8 - l.number - frame; l.graph > most {
			l.graph = max(most, 6)
		}
		if room := total - l.number - frame - l.graph; l.name > room {
			l.name = room
		} else {
			l.graph = total - l.number - frame - l.name
		}
	}
	return l
}

func (f FileStat) binary() string { return fmt.Sprintf("Bin %d -> %d bytes", f.OldSize, f.NewSize) }

func (l statLayout) write(b *strings.Builder, f FileStat) {
	name := shorten(string(f.Path), l.name)
	b.WriteString(" " + name + strings.Repeat(" ", max(0, l.name-columns(name))) + " | ")
	changed := f.Added + f.Deleted
	switch {
	case f.Binary && f.OldSize == 0 && f.NewSize == 0:
		fmt.Fprintf(b, "%*s", l.number, "Bin")
	case f.Binary:
		fmt.Fprintf(b, "%*s%s", l.number, "Bin", strings.TrimPrefix(f.binary(), "Bin"))
	case changed == 0:
		fmt.Fprintf(b, "%*d", l.number, 0)
	default:
		plus, minus := l.scale(f.Added, f.Deleted)
		fmt.Fprintf(b, "%*d %s%s", l.number, changed, strings.Repeat("+", plus), strings.Repeat("-", minus))
	}
	b.WriteByte('\n')
}

// scale fits the graph of one file into its column. What is not 0 stays
// visible.
func (l statLayout) scale(added, deleted int) (plus, minus int) {
	if l.graph > l.most {
		return added, deleted
	}
	linear := func(n int) int {
		if n == 0 {
			return 0
		}
		return 1 + n*(l.graph-1)/l.most
	}
	total := linear(added + deleted)
	if total < 2 && added > 0 && deleted > 0 {
		total = 2
	}
	if added < deleted {
		plus = linear(added)
		return plus, total - plus
	}
	minus = linear(deleted)
	return total - minus, minus
}

// shorten keeps the end of a name that is wider than room, from a slash on
// where there is one.
func shorten(name string, room int) string {
	if columns(name) <= room {
		return name
	}
	const dots = "..."
	runes := []rune(name)
	for len(runes) > 0 && columns(string(runes)) > max(0, room-len(dots)) {
		runes = runes[1:]
	}
	end := string(runes)
	if i := strings.IndexByte(end, '/'); i >= 0 {
		end = end[i:]
	}
	return dots + end
}

// columns is the width of s on a terminal.
func columns(s string) (n int) {
	for _, r := range s {
		switch width.LookupRune(r).Kind() {
		case width.EastAsianWide, width.EastAsianFullwidth:
			n += 2
		default:
			n++
		}
	}
	return n
}
