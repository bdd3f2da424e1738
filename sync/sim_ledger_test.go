package sync_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
)

// simLedger is what the writers themselves know: who wrote what, having what
// before him, and what he was told of it. Each content that is written holds a
// mark that no other has, so that it is known wherever it turns up.
type simLedger struct {
	kind    simKind
	marks   int
	before  map[simMark]map[simMark]bool // marks that the writer of one had before him
	by      map[simMark]string           // who wrote it
	dead    map[simMark]bool             // it marks a deletion
	blurred map[string]bool              // paths that somebody set back to an earlier content
	saved   []simSaved
	unsure  map[string]bool      // paths that a run of their writer may have set back
	last    map[simOwned]simMark // what each writer means a path, or his line of it, to hold
}

// simOwned is a path as one writer has it.
type simOwned struct{ who, path string }

// simMark names a content of a path, or a deletion of it.
type simMark struct{ path, mark string }

// simSaved is a content that its writer was told is saved.
type simSaved struct {
	simMark
	who string
	at  int // length of the timeline then
}

func newSimLedger(kind simKind) *simLedger {
	return &simLedger{
		kind: kind, unsure: map[string]bool{},
		before: map[simMark]map[simMark]bool{}, by: map[simMark]string{}, dead: map[simMark]bool{},
		blurred: map[string]bool{}, last: map[simOwned]simMark{},
	}
}

var markPattern = regexp.MustCompile(`\[[a-z]+-[0-9]+\]`)

// marksIn returns the marks that a content holds.
func marksIn(path, content string) (marks []simMark) {
	for _, m := range markPattern.FindAllString(content, -1) {
		marks = append(marks, simMark{path, m})
	}
	return marks
}

// newMark makes a mark for what who writes at a path where had was.
func (l *simLedger) newMark(who, path, had string, deletion bool) simMark {
	l.marks++
	m := simMark{path, "[" + who + "-" + itoa(l.marks) + "]"}
	l.by[m], l.dead[m] = who, deletion
	l.link(who, m, had)
	return m
}

// link says that who had a content before him when he gave a path one with m. Who
// makes a file anew knows that he has deleted it.
func (l *simLedger) link(who string, m simMark, had string) {
	for _, b := range marksIn(m.path, had) {
		if l.related(m, b) {
			l.add(m, b)
		}
	}
	for d := range l.dead {
		if had == "" && l.dead[d] && l.by[d] == who && d.path == m.path {
			l.add(m, d)
		}
	}
}

// related reports whether one mark may stand where the other does: in the same
// line, where every writer has lines of his own.
func (l *simLedger) related(a, b simMark) bool { return l.kind != byLine || l.by[a] == l.by[b] }

// meant takes note of what a writer wants a path, or his line of it, to hold.
func (l *simLedger) meant(who string, m simMark) {
	l.last[simOwned{who, m.path}] = m
	delete(l.unsure, m.path)
}

// markOf returns the mark of what a writer has said in a content.
func (l *simLedger) markOf(who, path, content string) simMark {
	for _, m := range marksIn(path, content) {
		if l.kind != byLine || l.by[m] == who {
			return m
		}
	}
	return simMark{path, ""}
}

func (l *simLedger) add(m, before simMark) {
	if l.before[m] == nil {
		l.before[m] = map[simMark]bool{}
	}
	if m != before {
		l.before[m][before] = true
	}
}

// setBack says that who gave a path a content that it had before.
func (l *simLedger) setBack(who, path, content, had string) {
	l.blurred[path] = true
	for _, m := range marksIn(path, content) {
		l.link(who, m, had)
	}
}

// knew reports whether the writer of m knew old, by himself or by what he had
// before him.
func (l *simLedger) knew(m, old simMark) bool {
	seen := map[simMark]bool{}
	var walk func(simMark) bool
	walk = func(at simMark) bool {
		if at == old {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		for b := range l.before[at] {
			if walk(b) {
				return true
			}
		}
		return false
	}
	return walk(m)
}

// contested reports whether a path was changed twice, by one who did not know of
// the other, so that it may be a conflict. That may be one person, whose first
// change was overwritten and gone when he made the second.
func (l *simLedger) contested(path string) bool {
	var marks []simMark
	writers := map[string]bool{}
	for m, who := range l.by {
		if m.path == path {
			marks = append(marks, m)
			writers[who] = true
		}
	}
	if l.blurred[path] && l.kind != byLine {
		return len(writers) > 1 || writers["web"] || writers["dev"] || len(marks) > 1
	}
	for i, a := range marks {
		for _, b := range marks[i+1:] {
			if l.related(a, b) && !l.knew(a, b) && !l.knew(b, a) {
				return true
			}
		}
	}
	return false
}

// simVersion is the remote after one write.
type simVersion struct {
	sequence uint64
	version  int32
	inPlace  bool   // it changed the version that was there
	who      string // "one", "web" … or "service"
	run      *simRun
	op       string
	files    map[string]string
	metadata string
	commits  int // how many there were when it was seen
}

// holds reports whether a version has a mark at its path.
func (v simVersion) holds(m simMark) bool { return strings.Contains(v.files[m.path], m.mark) }

// tookBackDying reports whether a version is of a run that took something back and
// died, and the next one is of the same worker.
func (v simVersion) tookBackDying(next simVersion) bool {
	return v.run != nil && v.run.takesBack() && v.run.died && next.run != nil && next.run.worker == v.run.worker
}

// madeBy reports whether a run wrote a version.
func (v simVersion) madeBy(r *simRun) bool { return v.run == r && v.who != "service" }

// sameFiles reports whether two versions are of one content.
func (v simVersion) same(w simVersion) bool {
	return maps.Equal(v.files, w.files) && v.metadata == w.metadata
}

// lastHolding returns the index of the last point of a timeline at which a
// mark was there, -1 when it never was.
func lastHolding(line []simVersion, m simMark) int {
	for i, v := range slices.Backward(line) {
		if v.holds(m) {
			return i
		}
	}
	return -1
}

// ownLine is what a writer says in a file in which others have lines, too.
func ownLine(who string) *regexp.Regexp {
	return regexp.MustCompile(`what \[` + who + `-[0-9]+\] says\r?\n`)
}

// withLine adds a line of a writer of his own to a file.
func (s *sim) withLine(path, content string, m simMark) string {
	if content == "" {
		content = "of " + path + "\n"
		if path == "SKILL.md" {
			content = skillMain + content
		}
	}
	return content + "\nThis is said apart from all else:\n\nwhat " + m.mark + " says\n\nAnd nobody else has any part in it.\n"
}
