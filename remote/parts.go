package remote

import (
	"bytes"
	"encoding/json"
	"iter"
)

// What [decode] has found to be JSON is not looked through again for each level of it:
// a page of a listing has three.

// decodePart is decode of a value in JSON that was read: it is valid, and has no space
// around it.
func decodePart(data []byte, fields []field) error {
	if data[0] != '{' || elements(data) > maxElements {
		return decode(data, fields) // which says what is wrong
	}
	values := make([]json.RawMessage, len(fields))
	for name, value := range objectMembers(data) {
		for i := range fields {
			if isName(name, fields[i].name) {
				values[i] = value // the last of two counts, as in encoding/json
			}
		}
	}
	for i, f := range fields {
		if values[i] == nil || string(values[i]) == "null" {
			continue
		}
		if err := f.decode(values[i]); err != nil {
			return below(f.name, err)
		}
	}
	return nil
}

// isName reports whether the text of a member's name, in quotes, says name.
func isName(text []byte, name string) bool {
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1:len(text)-1]) == name
	}
	var said string
	return json.Unmarshal(text, &said) == nil && said == name
}

// objectMembers are the names, in quotes, and the values of a valid object.
func objectMembers(data []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		for i := skipSpace(data, 1); data[i] != '}'; {
			nameEnd := valueEnd(data, i)
			from := skipSpace(data, skipSpace(data, nameEnd)+1) // behind the colon
			to := valueEnd(data, from)
			if !yield(data[i:nameEnd], json.RawMessage(data[from:to:to])) {
				return
			}
			if i = skipSpace(data, to); data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// listItems are the items of a valid list.
func listItems(data []byte) iter.Seq[json.RawMessage] {
	return func(yield func(json.RawMessage) bool) {
		for i := skipSpace(data, 1); data[i] != ']'; {
			to := valueEnd(data, i)
			if !yield(json.RawMessage(data[i:to:to])) {
				return
			}
			if i = skipSpace(data, to); data[i] == ',' {
				i = skipSpace(data, i+1)
			}
		}
	}
}

// skipSpace returns where the next sign that is no space stands, from an offset on.
func skipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\n' || data[i] == '\t' || data[i] == '\r') {
		i++
	}
	return i
}

// valueEnd returns the offset behind a valid value that begins at one.
func valueEnd(data []byte, i int) int {
	for depth := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
			if depth == 0 {
				return i + 1
			}
		case '{', '[':
			depth++
		case '}', ']', ',', ' ', '\n', '\t', '\r':
			if depth == 0 { // behind a number or a word
				return i
			}
			if data[i] != '}' && data[i] != ']' {
				continue
			}
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(data)
}
