package manifest

import (
	"bytes"
	"io"
)

// Text says what the published form does to the line ends of text. The zero
// value is [TextExact].
type Text string

// The forms.
const (
	TextExact Text = "exact" // content is published as it is
	TextLF    Text = "lf"    // text is published with LF line ends
)

// textWindow is how many bytes tell text from binary content: git's
// FIRST_FEW_BYTES (buffer_is_binary in xdiff-interface.c).
const textWindow = 8000

// Canonical returns content in this form. With [TextLF], LF stands for each
// LF and the CRs right before it, in content without a NUL among its first
// 8000 bytes, which is what git takes for text. A CR elsewhere stays.
//
// More than one CR before an LF is text that was converted twice. They go
// together, or else the form of a form would be another one.
//
// Content is never changed in place, and is returned itself when it is in
// this form.
func (t Text) Canonical(content []byte) []byte {
	if t != TextLF || bytes.IndexByte(content, '\r') < 0 {
		return content
	}
	m := newTextMeter()
	m.Write(content)
	size := m.canonicalSize()
	if size == m.seen {
		return content
	}
	out := bytes.NewBuffer(make([]byte, 0, size))
	w := lfWriter{dst: out}
	w.Write(content) // a buffer takes everything
	w.flush()
	return out.Bytes()
}

// lfWriter passes content on to dst without the CRs that stand before an LF,
// wherever a write ends.
type lfWriter struct {
	dst io.Writer
	crs int64 // held back: what follows says whether they stay
}

var someCRs = bytes.Repeat([]byte{'\r'}, 64)

// Write implements [io.Writer].
func (w *lfWriter) Write(p []byte) (int, error) {
	size := len(p)
	for len(p) > 0 {
		if w.crs > 0 && p[0] != '\r' {
			if p[0] == '\n' {
				w.crs = 0
			} else if err := w.flush(); err != nil {
				return size - len(p), err
			}
		}
		plain := bytes.IndexByte(p, '\r')
		if plain < 0 {
			plain = len(p)
		}
		if plain > 0 {
			if n, err := w.dst.Write(p[:plain]); err != nil {
				return size - len(p) + n, err
			}
		}
		for p = p[plain:]; len(p) > 0 && p[0] == '\r'; p = p[1:] {
			w.crs++
		}
	}
	return size, nil
}

// flush passes the CRs on that were held back: no LF follows.
func (w *lfWriter) flush() error {
	for w.crs > 0 {
		n := min(w.crs, int64(len(someCRs)))
		if _, err := w.dst.Write(someCRs[:n]); err != nil {
			return err
		}
		w.crs -= n
	}
	return nil
}

// textMeter finds out how large content that is written to it is with LF line
// ends.
type textMeter struct {
	seen   int64
	binary bool
	lf     lfWriter
	kept   byteCount // by lf
}

func newTextMeter() *textMeter {
	m := &textMeter{}
	m.lf.dst = &m.kept
	return m
}

// Write implements [io.Writer]. It never fails.
func (m *textMeter) Write(p []byte) (int, error) {
	if head := textWindow - m.seen; head > 0 {
		m.binary = m.binary || bytes.IndexByte(p[:min(head, int64(len(p)))], 0) >= 0
	}
	m.seen += int64(len(p))
	return m.lf.Write(p)
}

// canonicalSize is the size in bytes of all that was written, in LF form.
func (m *textMeter) canonicalSize() int64 {
	if m.binary {
		return m.seen
	}
	return int64(m.kept) + m.lf.crs
}

type byteCount int64

// Write implements [io.Writer]. It never fails.
func (c *byteCount) Write(p []byte) (int, error) {
	*c += byteCount(len(p))
	return len(p), nil
}
