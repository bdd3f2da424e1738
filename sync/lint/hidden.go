package lint

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	ruleHiddenText = "hidden-text"
	ruleHiddenBidi = "hidden-bidi"
	ruleHiddenChar = "hidden-character"
	ruleControl    = "control-character"

	// carriesText is from how many invisible characters in a row on they can
	// be meant to say something: with two kinds of them, a letter takes eight.
	carriesText = 8

	// maxHidden is how many places of one file are told.
	maxHidden = 200

	// maxShown is how many characters of a hidden text are shown.
	maxShown = 60
)

// Characters that are no letters and that decide about order or form.
const (
	zeroWidthSpace     = 0x200b
	zeroWidthNonJoiner = 0x200c
	zeroWidthJoiner    = 0x200d
	softHyphen         = 0xad
	graphemeJoiner     = 0x34f
	mongolianSeparator = 0x180e
	blackFlag          = 0x1f3f4
	cancelTag          = 0xe007f
)

// bidiMarks are invisible and strong: they stand for a letter of a direction.
var bidiMarks = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x61c, Hi: 0x61c, Stride: 1}, {Lo: 0x200e, Hi: 0x200f, Stride: 1}}}

// bidiControls begin and end stretches of another direction.
var bidiControls = &unicode.RangeTable{R16: []unicode.Range16{{Lo: 0x202a, Hi: 0x202e, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1}}}

// tags are a copy of ASCII that nothing draws.
var tags = &unicode.RangeTable{R32: []unicode.Range32{{Lo: 0xe0000, Hi: 0xe007f, Stride: 1}}}

// selectors choose among the forms of the character before them.
var selectors = &unicode.RangeTable{
	R16: []unicode.Range16{{Lo: 0x180b, Hi: 0x180d, Stride: 1}, {Lo: 0x180f, Hi: 0x180f, Stride: 1}, {Lo: 0xfe00, Hi: 0xfe0f, Stride: 1}},
	R32: []unicode.Range32{{Lo: 0xe0100, Hi: 0xe01ef, Stride: 1}},
}

// otherInvisible are the rest of Default_Ignorable_Code_Point, and the signs of
// interlinear annotation.
var otherInvisible = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: softHyphen, Hi: softHyphen, Stride: 1}, {Lo: graphemeJoiner, Hi: graphemeJoiner, Stride: 1},
		{Lo: 0x115f, Hi: 0x1160, Stride: 1}, {Lo: 0x17b4, Hi: 0x17b5, Stride: 1}, {Lo: mongolianSeparator, Hi: mongolianSeparator, Stride: 1},
		{Lo: zeroWidthSpace, Hi: zeroWidthJoiner, Stride: 1}, {Lo: 0x2060, Hi: 0x2065, Stride: 1}, {Lo: 0x206a, Hi: 0x206f, Stride: 1},
		{Lo: 0x3164, Hi: 0x3164, Stride: 1}, {Lo: 0xfeff, Hi: 0xfeff, Stride: 1}, {Lo: 0xffa0, Hi: 0xffa0, Stride: 1}, {Lo: 0xfff0, Hi: 0xfffb, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x1bca0, Hi: 0x1bca3, Stride: 1}, {Lo: 0x1d173, Hi: 0x1d17a, Stride: 1},
		{Lo: 0xe0080, Hi: 0xe00ff, Stride: 1}, {Lo: 0xe01f0, Hi: 0xe0fff, Stride: 1},
	},
	LatinOffset: 1,
}

// joining are the scripts in whose words a joiner or a non-joiner is spelling.
var joining = []*unicode.RangeTable{
	unicode.Arabic, unicode.Syriac, unicode.Mongolian, unicode.Nko, unicode.Mandaic, unicode.Phags_Pa, unicode.Manichaean, unicode.Psalter_Pahlavi,
	unicode.Hanifi_Rohingya, unicode.Adlam, unicode.Devanagari, unicode.Bengali, unicode.Gurmukhi, unicode.Gujarati, unicode.Oriya, unicode.Tamil,
	unicode.Telugu, unicode.Kannada, unicode.Malayalam, unicode.Sinhala, unicode.Khmer, unicode.Myanmar, unicode.Tibetan, unicode.Balinese,
	unicode.Javanese, unicode.Meetei_Mayek, unicode.Chakma, unicode.Brahmi, unicode.Kharoshthi, unicode.Newa, unicode.Tirhuta, unicode.Grantha,
}

// unspaced are the scripts that write words without spaces, so that a space of
// no width says where a line may end.
var unspaced = []*unicode.RangeTable{
	unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tai_Le, unicode.New_Tai_Lue, unicode.Tai_Tham, unicode.Tai_Viet,
	unicode.Javanese, unicode.Balinese, unicode.Tibetan, unicode.Han, unicode.Hiragana, unicode.Katakana,
}

// rightToLeft are the scripts that are written from right to left.
var rightToLeft = []*unicode.RangeTable{
	unicode.Hebrew, unicode.Arabic, unicode.Syriac, unicode.Thaana, unicode.Nko, unicode.Samaritan, unicode.Mandaic, unicode.Adlam, unicode.Hanifi_Rohingya,
}

func isInvisible(r rune) bool {
	return r >= softHyphen && unicode.In(r, otherInvisible, bidiMarks, tags, selectors)
}

// isControl reports whether r is a control character that no text file needs.
func isControl(r rune) bool {
	return unicode.IsControl(r) && !strings.ContainsRune("\t\n\r\f\u0085", r)
}

// checkHidden reports on what people do not see in a text.
func checkHidden(t text) []Finding {
	h := hidden{text: t, rtlLine: -1}
	for i := 0; i < len(t.content) && len(h.found) < maxHidden; {
		b := t.content[i]
		if b >= ' ' && b < 0x7f || b == '\n' {
			i++
			continue
		}
		r, n := utf8.DecodeRune(t.content[i:])
		switch {
		case isInvisible(r):
			n = h.run(i)
		case unicode.Is(bidiControls, r):
			h.bidi(i, n, r)
		case isControl(r):
			h.add(newFinding(ruleControl, fmt.Sprintf("control character %U", r)), i)
		}
		i += n
	}
	return h.found
}

// hidden looks for what people do not see.
type hidden struct {
	text
	found []Finding

	rtlLine int // offset of the line that rtl is of; -1: none yet
	rtl     bool
	paired  bool // its controls of direction end where they begin
}

func (h *hidden) add(f Finding, at int) { h.found = append(h.found, h.at(f, at)) }

// look reads the line that holds an offset, once.
func (h *hidden) look(at int) {
	line := h.line(at)
	begin := h.lines[h.lineIndex(at)]
	if begin == h.rtlLine {
		return
	}
	h.rtlLine, h.rtl, h.paired = begin, false, false
	var open []rune // how what is open ends
	paired := true
	for _, r := range string(line) {
		switch {
		case r == 0x202a || r == 0x202b: // embeddings
			open = append(open, 0x202c)
		case r >= 0x2066 && r <= 0x2068: // isolates
			open = append(open, 0x2069)
		case r == 0x202c || r == 0x2069:
			if len(open) == 0 || open[len(open)-1] != r {
				paired = false
				continue
			}
			open = open[:len(open)-1]
		case unicode.IsLetter(r) && unicode.In(r, rightToLeft...):
			h.rtl = true
		}
	}
	h.paired = paired && len(open) == 0
}

// bidi decides about a control of direction: text of right-to-left scripts
// has use for pairs of them. Nothing has for an override.
func (h *hidden) bidi(at, n int, r rune) {
	h.look(at)
	if h.rtl && h.paired && r != 0x202d && r != 0x202e {
		return
	}
	f := newFinding(ruleHiddenBidi, fmt.Sprintf("%U (%s) makes text appear in another order than it is read", r, bidiName(r)))
	h.add(f.edited(at, at+n, ""), at)
}

func bidiName(r rune) string {
	switch r {
	case 0x202a:
		return "left-to-right embedding"
	case 0x202b:
		return "right-to-left embedding"
	case 0x202c:
		return "pop directional formatting"
	case 0x202d:
		return "left-to-right override"
	case 0x202e:
		return "right-to-left override"
	case 0x2066:
		return "left-to-right isolate"
	case 0x2067:
		return "right-to-left isolate"
	case 0x2068:
		return "first strong isolate"
	}
	return "pop directional isolate"
}

// run looks at the invisible characters from at on, up to the next visible
// one, and returns their length in bytes.
func (h *hidden) run(at int) int {
	end := at
	var chars []rune
	for end < len(h.content) {
		r, n := utf8.DecodeRune(h.content[end:])
		if !isInvisible(r) {
			break
		}
		chars = append(chars, r)
		end += n
	}
	before, _ := utf8.DecodeLastRune(h.content[:at])
	after, _ := utf8.DecodeRune(h.content[end:])
	if !h.isSpelling(at, before, chars, after) {
		h.add(hiddenFinding(chars).edited(at, end, ""), at)
	}
	return end - at
}

// isSpelling reports whether invisible characters between two visible ones are
// there because a script or an emoji is written so.
func (h *hidden) isSpelling(at int, before rune, chars []rune, after rune) bool {
	if at == 0 {
		before = 0
		if chars[0] == 0xfeff { // a byte order mark
			return len(chars) == 1
		}
	}
	if before == blackFlag && isFlagTags(chars) {
		return true
	}
	if len(chars) > 1 && unicode.Is(selectors, chars[0]) && !unicode.Is(selectors, chars[1]) && selects(before, chars[0]) {
		chars = chars[1:] // the selector belongs to what is before it
	}
	if len(chars) > 2 {
		return false
	}
	for _, r := range chars {
		if !h.isSpelled(at, before, r, after) {
			return false
		}
	}
	return true
}

// isSpelled decides about one invisible character.
func (h *hidden) isSpelled(at int, before, r, after rune) bool {
	switch {
	case unicode.Is(selectors, r):
		return selects(before, r)
	case unicode.Is(bidiMarks, r):
		h.look(at)
		return h.rtl
	}
	switch r {
	case zeroWidthNonJoiner, zeroWidthJoiner:
		return unicode.In(before, joining...) || r == zeroWidthJoiner && (isPictograph(before) && isPictograph(after) || unicode.In(after, joining...))
	case zeroWidthSpace:
		return unicode.In(before, unspaced...) || unicode.In(after, unspaced...)
	case softHyphen:
		return unicode.IsLetter(before) && unicode.IsLetter(after)
	case graphemeJoiner:
		return unicode.IsMark(before) || unicode.IsMark(after) || unicode.IsLetter(before) && unicode.IsLetter(after) && before > unicode.MaxASCII
	case mongolianSeparator:
		return unicode.Is(unicode.Mongolian, before)
	case 0x115f, 0x1160, 0xffa0:
		return unicode.Is(unicode.Hangul, before) || unicode.Is(unicode.Hangul, after)
	case 0x17b4, 0x17b5:
		return unicode.Is(unicode.Khmer, before)
	}
	return false
}

// selects reports whether a variation selector has a character to select for:
// the first 16 a symbol, a digit of a keycap or a letter with several forms,
// the others an ideograph.
func selects(before, selector rune) bool {
	switch {
	case selector >= 0xe0100:
		return unicode.Is(unicode.Han, before)
	case selector <= 0x180f:
		return unicode.Is(unicode.Mongolian, before)
	}
	return before > unicode.MaxASCII && unicode.IsGraphic(before) && !unicode.IsSpace(before) || before >= '0' && before <= '9' || before == '#' || before == '*'
}

// isPictograph reports whether r may be a part of an emoji.
func isPictograph(r rune) bool {
	return unicode.Is(unicode.So, r) || unicode.Is(unicode.Sk, r) || unicode.Is(unicode.Sm, r) && r > unicode.MaxASCII || r == 0x20e3
}

// isFlagTags reports whether tags spell the region of a flag, as gbsct after a
// black flag does for Scotland: three to six letters or digits, and an end.
func isFlagTags(chars []rune) bool {
	n := len(chars) - 1
	if n < 3 || n > 6 || chars[n] != cancelTag {
		return false
	}
	for _, r := range chars[:n] {
		c := r - 0xe0000
		if (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// hiddenFinding tells of invisible characters, and what they spell.
func hiddenFinding(chars []rune) Finding {
	if spelled, n := spelledByTags(chars); n > 0 {
		return newFinding(ruleHiddenText, fmt.Sprintf("%s that nobody sees: %s", counted(n, "tag character"), strconv.QuoteToASCII(spelled)))
	}
	what := fmt.Sprintf("%s: %s", counted(len(chars), "invisible character"), codePoints(chars))
	if len(chars) >= carriesText {
		return newFinding(ruleHiddenText, what)
	}
	return newFinding(ruleHiddenChar, what)
}

// spelledByTags returns the ASCII that tags stand for, cut when it is long, and
// how many tags there are.
func spelledByTags(chars []rune) (spelled string, n int) {
	var b strings.Builder
	for _, r := range chars {
		if !unicode.Is(tags, r) {
			continue
		}
		if n++; n <= maxShown {
			b.WriteRune(r - 0xe0000)
		}
	}
	if n > maxShown {
		b.WriteString("...")
	}
	return b.String(), n
}

// codePoints names the first of some characters.
func codePoints(chars []rune) string {
	const most = 4
	var b strings.Builder
	for i, r := range chars[:min(len(chars), most)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%U", r)
	}
	if len(chars) > most {
		b.WriteString(" …")
	}
	return b.String()
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
