package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"go.uber.org/zap/buffer"
	"go.uber.org/zap/zapcore"
)

// consoleEncoder writes a log for people, one line for each entry: the time,
// what it is about, what happened, and the other fields in brackets.
type consoleEncoder struct {
	*zapcore.MapObjectEncoder // fields of the logger
	buffers                   buffer.Pool
}

func newConsoleEncoder() consoleEncoder {
	return consoleEncoder{zapcore.NewMapObjectEncoder(), buffer.NewPool()}
}

// Clone implements [zapcore.Encoder].
func (c consoleEncoder) Clone() zapcore.Encoder {
	clone := newConsoleEncoder()
	maps.Copy(clone.Fields, c.Fields)
	return clone
}

// EncodeEntry implements [zapcore.Encoder].
func (c consoleEncoder) EncodeEntry(e zapcore.Entry, fields []zapcore.Field) (*buffer.Buffer, error) {
	names := slices.Sorted(maps.Keys(c.Fields))
	values := zapcore.NewMapObjectEncoder()
	maps.Copy(values.Fields, c.Fields)
	for _, f := range fields {
		f.AddTo(values)
		names = append(names, f.Key)
	}
	l := logLine{names, values.Fields}
	text := e.Message
	switch e.Message {
	case publishedMessage:
		text = l.published()
	case watchingMessage:
		text = l.watching()
	case pendingMessage:
		text = l.pending()
	case checkedOutMessage:
		text = l.checkedOut()
	}
	text = l.about() + text + l.cause() + l.rest()
	if e.Level > zapcore.InfoLevel {
		text = levelWord(e.Level) + ": " + text
	}
	out := c.buffers.Get()
	out.AppendTime(e.Time, time.TimeOnly)
	out.AppendString("  " + oneLine(text) + "\n")
	return out, nil
}

func levelWord(l zapcore.Level) string {
	if l == zapcore.WarnLevel {
		return "warning"
	}
	return "error"
}

// oneLine keeps an entry on its line, whatever a file is called or a service
// answers.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// logLine are the fields of an entry; one that was made words of is gone.
type logLine struct {
	names  []string // in their order
	values map[string]any
}

// take returns a field and removes it; nil where there is none.
func (l logLine) take(name string) any {
	v := l.values[name]
	delete(l.values, name)
	return v
}

func (l logLine) about() string {
	if target := fieldText(l.take("target")); target != "" {
		return target + ": "
	}
	return ""
}

func (l logLine) cause() (text string) {
	for _, name := range []string{"reason", "error"} {
		if cause := fieldText(l.take(name)); cause != "" {
			text += ": " + cause
		}
	}
	return text
}

// rest are the fields that nothing else told, but for empty ones.
func (l logLine) rest() string {
	var parts []string
	for _, name := range l.names {
		if text := fieldText(l.take(name)); text != "" {
			parts = append(parts, strings.ReplaceAll(name, "_", " ")+" "+text)
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// fieldText is a field for people; "" when it says nothing.
func fieldText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case time.Duration:
		return roundly(v).String()
	case []any:
		parts := make([]string, len(v))
		for i := range v {
			parts[i] = fieldText(v[i])
		}
		return strings.Join(parts, ", ")
	}
	return fmt.Sprint(v)
}

// roundly drops digits that nobody reads.
func roundly(d time.Duration) time.Duration {
	switch {
	case d >= time.Minute:
		return d.Round(time.Second)
	case d >= time.Second:
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(time.Millisecond)
}

const (
	// publishedMessage is the daemon's entry for a publish.
	publishedMessage = "published"

	// watchingMessage is the entry with which a daemon begins.
	watchingMessage = "watching"

	// pendingMessage is the daemon's entry for what others changed.
	pendingMessage = "changed on the remote"

	// checkedOutMessage is the daemon's entry for files that it changed here.
	checkedOutMessage = "checked out"

	// shownChanges is how many changes a line names: it is one line.
	shownChanges = 4
)

// published makes the daemon's entry for a publish a sentence.
func (l logLine) published() string {
	var versions []any
	versions, _ = l.take("versions").([]any)
	from, last := fieldText(l.take("from")), ""
	if len(versions) > 0 {
		last = fieldText(versions[len(versions)-1])
	}
	text := fmt.Sprintf("published v%s -> v%s", from, last)
	if from == "0" {
		text = "created v" + last
	}
	changes, _ := l.take("changes").([]any)
	if len(changes) > 0 {
		text += ": " + changesText(changes)
	}
	notes := []string{fieldText(l.take("calls")) + " calls"}
	if ms, ok := l.take("save_to_version_ms").(int64); ok {
		saved := roundly(time.Duration(ms) * time.Millisecond)
		notes = append(notes, fmt.Sprintf("%s after the save", saved))
	}
	if l.take("by") == "zip" {
		notes = append([]string{"one zip"}, notes...)
	}
	for _, name := range []string{"asset", "push_ms"} {
		l.take(name) // assetsync status shows the one, the JSON log the other
	}
	if folded := fieldText(l.take("folded")); folded != "" {
		notes = append([]string{folded}, notes...)
	}
	text += " (" + strings.Join(notes, ", ") + ")"
	told, _ := l.take("notes").([]any)
	for _, note := range told {
		text += "; note: " + fieldText(note)
	}
	return text
}

// pending makes the daemon's entry for what others changed a sentence.
func (l logLine) pending() string {
	text := pendingMessage
	if version := fieldText(l.take("version")); version != "" {
		text += ", v" + version
	}
	if changes, _ := l.take("pending").([]any); len(changes) > 0 {
		text += ": " + changesText(changes)
	}
	return text + "; assetsync pull takes it"
}

// checkedOut makes the daemon's entry for files that it changed here a
// sentence.
func (l logLine) checkedOut() string {
	l.take("asset") // assetsync status shows it
	changes, _ := l.take("changes").([]any)
	return fmt.Sprintf("checked out v%s: %s", fieldText(l.take("version")), changesText(changes))
}

// changesText names some changes by git's letters.
func changesText(changes []any) string {
	var shown []string
	total := len(changes)
	for _, c := range changes {
		text, cut := fieldText(c), 0
		if _, err := fmt.Sscanf(text, "and %d more", &cut); err == nil {
			total += cut - 1 // the entry itself does not name all
			continue
		}
		if action, path, _ := strings.Cut(text, " "); len(shown) < shownChanges {
			shown = append(shown, letter(action)+" "+path)
		}
	}
	text := strings.Join(shown, ", ")
	if n := total - len(shown); n > 0 {
		text += fmt.Sprintf(" and %d more", n)
	}
	return text
}

// watching makes the entry with which a daemon begins a sentence.
func (l logLine) watching() string {
	targets, _ := l.take("targets").(int64)
	text := "watching " + count(int(targets), "target")
	if env := fieldText(l.take("env")); env != "" {
		text += " of environment " + env
	}
	return text + "; Ctrl-C ends it, assetsync status shows what differs"
}
