package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	assetsync "assetsync/sync"
)

// pos is a place in a config; the zero pos is none. Line and column count
// from 1.
type pos struct{ Line, Col int }

func (p pos) set() bool { return p.Line > 0 }

// origin is embedded in what is a mapping of the config, to remember where.
type origin struct{ At pos }

func (o *origin) setAt(at pos) { o.At = at }

// value is a setting together with the place where it was written. The zero
// value was not written.
type value[T any] struct {
	V  T
	At pos
}

// Set reports whether the key was written.
func (v value[T]) Set() bool { return v.At.set() }

// Or returns the setting, or def when it was not written.
func (v value[T]) Or(def T) T {
	if v.Set() {
		return v.V
	}
	return def
}

func (v value[T]) over(later value[T]) value[T] {
	if later.Set() {
		return later
	}
	return v
}

type (
	stringList []string       // a list of texts
	oneOrMore  []string       // a text, or a list of texts
	metadata   map[string]any // string, int64, uint64, float64, bool, or []any of those
)

func (m metadata) over(later metadata) metadata {
	if len(m)+len(later) == 0 {
		return nil
	}
	out := make(metadata, len(m)+len(later))
	maps.Copy(out, m)
	maps.Copy(out, later)
	return out
}

// assetIDs is an asset id, or one for each environment.
type assetIDs struct {
	Any   string
	ByEnv map[string]string
}

// In returns the id in an environment, "" when it is not pinned there.
func (a assetIDs) In(env string) string {
	if a.Any != "" {
		return a.Any
	}
	return a.ByEnv[env]
}

// Bounds of what a config error says, so that no input makes it unreadable.
const (
	maxShownProblems = 20
	maxShownText     = 60 // characters of a text from the config
)

// problem is one thing that is wrong with a config.
type problem struct {
	At   pos
	Key  string // dotted path, as targets[0].path; "" for the whole file
	Text string
}

// problems collects what is wrong with the config shown as file.
type problems struct {
	file string
	list []problem
}

func (p *problems) add(at pos, key, format string, args ...any) {
	p.list = append(p.list, problem{at, key, fmt.Sprintf(format, args...)})
}

// err returns nil when there is no problem, else a usage error with a line
// for each of the first maxShownProblems, in the order of the file.
func (p *problems) err() error {
	if len(p.list) == 0 {
		return nil
	}
	slices.SortStableFunc(p.list, func(a, b problem) int {
		return cmp.Or(a.At.Line-b.At.Line, a.At.Col-b.At.Col)
	})
	list := slices.Compact(p.list)
	var lines []string
	for _, one := range list[:min(len(list), maxShownProblems)] {
		lines = append(lines, p.line(one))
	}
	if more := len(list) - maxShownProblems; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return &assetsync.Error{Kind: assetsync.KindUsage, Message: strings.Join(lines, "\n")}
}

func (p *problems) line(one problem) string {
	var b strings.Builder
	if p.file != "" {
		b.WriteString(p.file + ":")
		if one.At.Line > 0 {
			fmt.Fprintf(&b, "%d:%d:", one.At.Line, one.At.Col)
		}
		b.WriteByte(' ')
	}
	if one.Key != "" {
		b.WriteString(one.Key + ": ")
	}
	b.WriteString(one.Text)
	return b.String()
}

// usageError makes an error for exit code 2; cause may be nil.
func usageError(cause error, hint, format string, args ...any) error {
	return &assetsync.Error{Kind: assetsync.KindUsage, Message: fmt.Sprintf(format, args...), Hint: hint, Err: cause}
}

// quoted returns s in quotes, cut to what a message can hold.
func quoted(s string) string {
	if utf8.RuneCountInString(s) <= maxShownText {
		return fmt.Sprintf("%q", s)
	}
	return fmt.Sprintf("%q…", string([]rune(s)[:maxShownText]))
}

// shortened returns the words of another package, cut to what a message can
// hold.
func shortened(s string) string {
	if r := []rune(s); len(r) > 4*maxShownText {
		return string(r[:4*maxShownText]) + "…"
	}
	return s
}

// wordList joins words as people do: "a, b and c".
func wordList(words []string, last string) string {
	const most = 12
	if len(words) > most {
		return strings.Join(words[:most], ", ") + fmt.Sprintf(" %s %d more", last, len(words)-most)
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
	}
	return strings.Join(words, "")
}

// didYouMean returns `; did you mean "x"?` for the word most like s, or what
// there is to choose from.
func didYouMean(s string, words []string) string {
	if close := closest(s, words); len(close) > 0 {
		return fmt.Sprintf("; did you mean %q?", close[0])
	}
	if len(words) == 0 {
		return ""
	}
	return "; known: " + wordList(words, "and")
}

// closest returns the words that s may have been meant to be: the nearest, or
// several that are equally near.
func closest(s string, words []string) []string {
	type scored struct {
		word  string
		score int
	}
	var found []scored
	for _, w := range words {
		if utf8.RuneCountInString(s) > 2*maxShownText {
			break // no typo, and the distance costs its square
		}
		most := max(1, min(len(s), len(w))/3)
		if d := distance(s, w); d <= most {
			found = append(found, scored{w, d})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return a.score - b.score })
	var out []string
	for _, f := range found {
		if f.score == found[0].score {
			out = append(out, f.word)
		}
	}
	return out
}

// distance counts the characters to insert, delete, replace, or swap with
// their neighbour to make b of a, regardless of case.
func distance(a, b string) int {
	x, y := []rune(strings.ToLower(a)), []rune(strings.ToLower(b))
	var before []int
	row := make([]int, len(y)+1)
	for j := range row {
		row[j] = j
	}
	for i := range x {
		next := make([]int, len(y)+1)
		next[0] = i + 1
		for j := range y {
			change := row[j]
			if x[i] != y[j] {
				change++
			}
			next[j+1] = min(change, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && x[i] == y[j-1] && x[i-1] == y[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row = row, next
	}
	return row[len(y)]
}
