package manifest

import "strings"

// glob is a compiled git wildmatch expression. Matching takes time
// proportional to len(glob) × len(text) at worst, whatever the expression: the
// set of reachable states is carried along, nothing is tried twice.
type glob []globState

type globOp uint8

const (
	globByte  globOp = iota // this byte
	globSet                 // one byte of the set
	globStar                // any bytes but a slash, also none
	globAny                 // any bytes, also none
	globMaybe               // go on, or pass over the next two states
)

type globState struct {
	op  globOp
	lit byte
	set *byteSet
}

// byteSet is a set of bytes; git matches bytes, not characters.
type byteSet [256 / 64]uint64

func (s *byteSet) add(c byte)           { s[c>>6] |= 1 << (c & 63) }
func (s *byteSet) remove(c byte)        { s[c>>6] &^= 1 << (c & 63) }
func (s *byteSet) has(c byte) bool      { return s[c>>6]&(1<<(c&63)) != 0 }
func (s *byteSet) addRange(lo, hi byte) { s.addIf(func(c byte) bool { return lo <= c && c <= hi }) }

func (s *byteSet) addIf(in func(byte) bool) {
	for c := range 256 {
		if in(byte(c)) {
			s.add(byte(c))
		}
	}
}

func (s *byteSet) invert() {
	for i := range s {
		s[i] = ^s[i]
	}
}

// globSpecial are the bytes that end the literal beginning of a pattern.
const globSpecial = `*?[\`

// compileGlob compiles pattern as git's wildmatch reads it under
// WM_PATHNAME. It reports false for a pattern that git never matches: a
// bracket or a class that is not closed, an unknown class, a backslash with
// nothing behind it.
func compileGlob(pattern string) (glob, bool) {
	var g glob
	for i := 0; i < len(pattern); {
		switch c := pattern[i]; c {
		case '*':
			n := len(pattern) - i - len(strings.TrimLeft(pattern[i:], "*"))
			g, i = appendStars(g, pattern, i, n)
		case '?':
			any := new(byteSet)
			any.invert()
			any.remove('/')
			g, i = append(g, globState{op: globSet, set: any}), i+1
		case '[':
			set, n := parseBracket(pattern[i:])
			if n == 0 {
				return nil, false
			}
			g, i = append(g, globState{op: globSet, set: set}), i+n
		case '\\':
			if i+1 == len(pattern) {
				return nil, false
			}
			g, i = append(g, globState{op: globByte, lit: pattern[i+1]}), i+2
		default:
			g, i = append(g, globState{op: globByte, lit: c}), i+1
		}
	}
	return g, true
}

// appendStars compiles the run of n stars at pattern[i:] and returns where
// to go on. Two or more stars that fill a whole segment cross slashes; with
// a slash behind them they may also stand for nothing, slash included.
func appendStars(g glob, pattern string, i, n int) (glob, int) {
	rest := pattern[i+n:]
	segment := n > 1 && (i == 0 || pattern[i-1] == '/')
	switch {
	case segment && strings.HasPrefix(rest, "/"):
		return append(g, globState{op: globMaybe}, globState{op: globAny}, globState{op: globByte, lit: '/'}), i + n + 1
	case segment && (rest == "" || strings.HasPrefix(rest, `\/`)):
		return append(g, globState{op: globAny}), i + n
	}
	return append(g, globState{op: globStar}), i + n
}

// parseBracket reads the bracket expression that s begins with and returns
// its set and length, or 0 when git would never match it.
func parseBracket(s string) (*byteSet, int) {
	set := new(byteSet)
	i := 1
	negated := i < len(s) && (s[i] == '!' || s[i] == '^')
	if negated {
		i++
	}
	for first, prev := true, -1; ; first = false {
		switch {
		case i >= len(s):
			return nil, 0
		case s[i] == ']' && !first:
			if negated {
				set.invert()
			}
			set.remove('/')
			return set, i + 1
		case s[i] == '-' && prev >= 0 && i+1 < len(s) && s[i+1] != ']':
			hi, n := bracketByte(s[i+1:])
			if n == 0 {
				return nil, 0
			}
			set.addRange(byte(prev), hi)
			i, prev = i+1+n, -1
		case strings.HasPrefix(s[i:], "[:"):
			name, _, closed := strings.Cut(s[i+2:], "]")
			if !closed {
				return nil, 0
			}
			class, isClass := strings.CutSuffix(name, ":")
			if !isClass { // a plain "[" that happens to stand before ":"
				set.add('[')
				i, prev = i+1, '['
				continue
			}
			in := byteClass(class)
			if in == nil {
				return nil, 0
			}
			set.addIf(in)
			i, prev = i+len("[:")+len(name)+len("]"), -1
		default:
			c, n := bracketByte(s[i:])
			if n == 0 {
				return nil, 0
			}
			set.add(c)
			i, prev = i+n, int(c)
		}
	}
}

// bracketByte reads one byte of a bracket expression, perhaps escaped, and
// returns how long it is written.
func bracketByte(s string) (byte, int) {
	switch {
	case s[0] != '\\':
		return s[0], 1
	case len(s) > 1:
		return s[1], 2
	}
	return 0, 0
}

// byteClass returns the test for a POSIX class as git defines it, ASCII
// only, or nil. git's "space" lacks vertical tab and form feed.
func byteClass(name string) func(byte) bool {
	lower := func(c byte) bool { return 'a' <= c && c <= 'z' }
	upper := func(c byte) bool { return 'A' <= c && c <= 'Z' }
	digit := func(c byte) bool { return '0' <= c && c <= '9' }
	alpha := func(c byte) bool { return lower(c) || upper(c) }
	alnum := func(c byte) bool { return alpha(c) || digit(c) }
	graph := func(c byte) bool { return 0x20 < c && c < 0x7f }
	switch name {
	case "lower":
		return lower
	case "upper":
		return upper
	case "digit":
		return digit
	case "alpha":
		return alpha
	case "alnum":
		return alnum
	case "graph":
		return graph
	case "print":
		return func(c byte) bool { return graph(c) || c == ' ' }
	case "punct":
		return func(c byte) bool { return graph(c) && !alnum(c) }
	case "blank":
		return func(c byte) bool { return c == ' ' || c == '\t' }
	case "space":
		return func(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
	case "cntrl":
		return func(c byte) bool { return c < 0x20 || c == 0x7f }
	case "xdigit":
		return func(c byte) bool { return digit(c) || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' }
	}
	return nil
}

// ending returns the bytes that every text which matches ends with.
func (g glob) ending() string {
	first := len(g)
	for first > 0 && g[first-1].op == globByte && (first < 3 || g[first-3].op != globMaybe) {
		first--
	}
	var end []byte
	for _, s := range g[first:] {
		end = append(end, s.lit)
	}
	return string(end)
}

// least returns how many bytes a text that matches has at least.
func (g glob) least() (n int) {
	for i, s := range g {
		// What globMaybe passes over is stars and a slash.
		if s.op == globSet || s.op == globByte && (i < 2 || g[i-2].op != globMaybe) {
			n++
		}
	}
	return n
}

// match reports whether the whole of text matches.
func (g glob) match(text string) bool {
	if len(g) == 0 {
		return text == ""
	}
	var small [2][64]bool // keeps usual patterns off the heap
	m := matcher{glob: g, now: small[0][:], then: small[1][:]}
	if len(g) >= len(m.now) {
		m.now, m.then = make([]bool, len(g)+1), make([]bool, len(g)+1)
	}
	m.now[0] = true
	for i := range len(text) {
		if !m.step(text[i]) {
			return false
		}
	}
	return m.atEnd()
}

// matcher follows all states that the text so far can lead to.
type matcher struct {
	glob      glob
	now, then []bool // live before and after the next byte; now[len(glob)] is the end
	low, high int    // nothing of now is live outside of [low, high]
}

// step moves every live state over the byte c and reports whether any is
// left. States lead forward only, so one pass also follows those that need
// no byte.
func (m *matcher) step(c byte) bool {
	high := -1
	for j := m.low; j <= m.high && j < len(m.glob); j++ {
		if !m.now[j] {
			continue
		}
		to := -1
		switch s := m.glob[j]; s.op {
		case globByte:
			if s.lit == c {
				to = j + 1
			}
		case globSet:
			if s.set.has(c) {
				to = j + 1
			}
		case globStar:
			m.reach(j + 1)
			if c != '/' {
				to = j
			}
		case globAny:
			m.reach(j + 1)
			to = j
			// Two stars fill a segment, so whatever could still arrive
			// here from before has done it, or follows a slash that the
			// two stars reach too. What lies before is of no more use.
			clear(m.then[m.low:j])
			m.low = j
		case globMaybe:
			m.reach(j + 1)
			m.reach(j + 3)
		}
		if to >= 0 {
			m.then[to], high = true, max(high, to)
		}
	}
	clear(m.now[m.low : m.high+1])
	m.now, m.then, m.high = m.then, m.now, high
	return high >= m.low
}

// reach makes state j live without another byte.
func (m *matcher) reach(j int) {
	m.now[j], m.high = true, max(m.high, j)
}

// atEnd reports whether the end can be reached without another byte.
func (m *matcher) atEnd() bool {
	for j := m.low; j <= m.high && j < len(m.glob); j++ {
		if !m.now[j] {
			continue
		}
		switch m.glob[j].op {
		case globStar, globAny:
			m.reach(j + 1)
		case globMaybe:
			m.reach(j + 1)
			m.reach(j + 3)
		}
	}
	return m.now[len(m.glob)]
}
