package remote

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// ShapeError says which member of a JSON body is not of its shape.
type ShapeError struct {
	Path   string // JSON Pointer, "" for the whole body
	Reason string
}

// Error implements error.
func (e *ShapeError) Error() string {
	if e.Path == "" {
		return e.Reason
	}
	return e.Path + ": " + e.Reason
}

func badShape(format string, args ...any) error {
	return &ShapeError{Reason: fmt.Sprintf(format, args...)}
}

// below puts a member's name or an item's index before the path of a
// ShapeError.
func below(step string, err error) error {
	var shape *ShapeError
	if !errors.As(err, &shape) {
		shape = &ShapeError{Reason: err.Error()}
	}
	return &ShapeError{Path: "/" + step + shape.Path, Reason: shape.Reason}
}

// shape is a structure of the wire: one table of its body members serves
// both directions.
type shape interface{ fields() []field }

// field is one body member.
type field struct {
	name   string
	decode func(raw json.RawMessage) error // raw is valid JSON and not null
	encode func() (json.RawMessage, error) // nil: the member is absent
}

// decode reads a JSON object into the fields. Names match exactly, which
// encoding/json would not do; the last of equal names counts.
func decode(data []byte, fields []field) error {
	members, err := decodeObject(data)
	if err != nil {
		return err
	}
	for _, f := range fields {
		raw, ok := members[f.name]
		if !ok {
			continue
		}
		if err := f.decode(raw); err != nil {
			return below(f.name, err)
		}
	}
	return nil
}

const (
	// maxElements bounds the members of an object and the items of a list: a
	// page has 100 items, and an answer of three bytes an item would take
	// forty times its size in memory.
	maxElements = 50_000

	// maxDocument bounds a metadata document in bytes, for the same reason: it
	// is a form that people fill in.
	maxDocument = 16 << 20
)

// elements returns how many members or items a JSON object or list has, at
// least: as many as there are commas in it, and one. It allocates nothing.
func elements(data []byte) int {
	n, depth := 1, 0
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '"':
			for i++; i < len(data) && data[i] != '"'; i++ {
				if data[i] == '\\' {
					i++
				}
			}
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',':
			if depth == 1 {
				n++
			}
		}
	}
	return n
}

// decodeObject splits a JSON object into its members that are not null.
func decodeObject(data []byte) (map[string]json.RawMessage, error) {
	if !utf8.Valid(data) {
		return nil, badShape("not valid UTF-8")
	}
	if n := elements(data); n > maxElements {
		return nil, badShape("an object of %d members, want at most %d", n, maxElements)
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(data, &members); err != nil {
		var wrong *json.UnmarshalTypeError
		if errors.As(err, &wrong) {
			return nil, badShape("want an object, got %s", wrong.Value)
		}
		return nil, badShape("not JSON: %v", err)
	}
	if members == nil {
		return nil, badShape("want an object, got null")
	}
	for name, raw := range members {
		if string(raw) == "null" {
			delete(members, name)
		}
	}
	return members, nil
}

// encode writes the fields that are present as a compact JSON object, in
// order.
func encode(fields []field) ([]byte, error) {
	var buf bytes.Buffer
	buf.WriteByte('{')
	for _, f := range fields {
		raw, err := f.encode()
		if err != nil {
			return nil, below(f.name, err)
		}
		if raw == nil {
			continue
		}
		if buf.Len() > 1 {
			buf.WriteByte(',')
		}
		buf.WriteString(strconv.Quote(f.name))
		buf.WriteByte(':')
		buf.Write(raw)
	}
	buf.WriteByte('}')
	return buf.Bytes(), nil
}

// scalar is a field that one pair of functions reads and writes.
func scalar[T any](name string, p **T, read func([]byte) (T, error), write func(T) ([]byte, error)) field {
	return field{
		name: name,
		decode: func(raw json.RawMessage) error {
			v, err := read(raw)
			if err == nil {
				*p = &v
			}
			return err
		},
		encode: func() (json.RawMessage, error) {
			if *p == nil {
				return nil, nil
			}
			return write(**p)
		},
	}
}

func stringField(name string, p **string) field { return scalar(name, p, decodeString, encodeString) }
func intField(name string, p **int32) field     { return scalar(name, p, decodeInt, encodeInt) }
func timeField(name string, p **time.Time) field {
	return scalar(name, p, decodeTime, encodeTime)
}

// plainField is a string that is always present.
func plainField(name string, p *string) field {
	return field{
		name:   name,
		decode: func(raw json.RawMessage) (err error) { *p, err = decodeString(raw); return err },
		encode: func() (json.RawMessage, error) { return encodeString(*p) },
	}
}

// blobField tells nil (absent) from empty.
func blobField(name string, p *[]byte) field {
	return field{
		name:   name,
		decode: func(raw json.RawMessage) (err error) { *p, err = decodeBlob(raw); return err },
		encode: func() (json.RawMessage, error) {
			if *p == nil {
				return nil, nil
			}
			return encodeBlob(*p), nil
		},
	}
}

func documentField(name string, p *Document) field {
	return field{
		name: name,
		decode: func(raw json.RawMessage) error {
			if len(raw) > maxDocument {
				return badShape("a document of %d bytes, want at most %d", len(raw), maxDocument)
			}
			return p.UnmarshalJSON(raw)
		},
		encode: func() (json.RawMessage, error) {
			if *p == nil {
				return nil, nil
			}
			return p.MarshalJSON()
		},
	}
}

// structField is a member that is a structure.
func structField[T any, P interface {
	*T
	shape
}](name string, p **T) field {
	return field{
		name: name,
		decode: func(raw json.RawMessage) error {
			v := new(T)
			if err := decode(raw, P(v).fields()); err != nil {
				return err
			}
			*p = v
			return nil
		},
		encode: func() (json.RawMessage, error) {
			if *p == nil {
				return nil, nil
			}
			return encode(P(*p).fields())
		},
	}
}

// listField is a member that is a list of structures. A nil list is written
// as an empty one: every list of the wire is always present.
func listField[T any, P interface {
	*T
	shape
}](name string, p *[]T) field {
	return field{
		name:   name,
		decode: func(raw json.RawMessage) (err error) { *p, err = decodeList[T, P](raw); return err },
		encode: func() (json.RawMessage, error) {
			var buf bytes.Buffer
			buf.WriteByte('[')
			for i := range *p {
				if i > 0 {
					buf.WriteByte(',')
				}
				raw, err := encode(P(&(*p)[i]).fields())
				if err != nil {
					return nil, below(strconv.Itoa(i), err)
				}
				buf.Write(raw)
			}
			buf.WriteByte(']')
			return buf.Bytes(), nil
		},
	}
}

func decodeList[T any, P interface {
	*T
	shape
}](raw []byte) ([]T, error) {
	if n := elements(raw); n > maxElements {
		return nil, badShape("a list of %d items, want at most %d", n, maxElements)
	}
	if raw[0] != '[' {
		return nil, badShape("want a list")
	}
	list := []T{}
	for item := range listItems(raw) {
		var one T
		if err := decodePart(item, P(&one).fields()); err != nil {
			return nil, below(strconv.Itoa(len(list)), err)
		}
		list = append(list, one)
	}
	return list, nil
}

func decodeString(raw []byte) (string, error) {
	if raw[0] != '"' {
		return "", badShape("want a string")
	}
	if n := len(raw); n > 1 && raw[n-1] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : n-1]), nil // raw is valid JSON: it stands for itself
	}
	if splitsSurrogates(raw) {
		return "", badShape("escapes half a surrogate pair")
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", badShape("not a string: %v", err)
	}
	return s, nil
}

// splitsSurrogates reports whether a valid JSON text escapes a surrogate
// without its partner, which encoding/json would replace by U+FFFD.
func splitsSurrogates(raw []byte) bool {
	const escaped = len(`\uXXXX`)
	for i := bytes.IndexByte(raw, '\\'); i >= 0 && i < len(raw); {
		switch unit := utf16Escape(raw[i:]); {
		case unit >= 0xD800 && unit < 0xDC00:
			if low := utf16Escape(raw[i+escaped:]); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 2 * escaped
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case raw[i] == '\\':
			i += 2
		default:
			i++
		}
	}
	return false
}

// utf16Escape returns the code unit that raw begins with as \uXXXX, or -1.
func utf16Escape(raw []byte) int {
	if len(raw) < 6 || raw[0] != '\\' || raw[1] != 'u' {
		return -1
	}
	unit, err := strconv.ParseUint(string(raw[2:6]), 16, 16)
	if err != nil {
		return -1
	}
	return int(unit)
}

// encodeString refuses what encoding/json would replace silently.
func encodeString(s string) ([]byte, error) {
	if !utf8.ValidString(s) {
		return nil, badShape("not valid UTF-8")
	}
	return marshalPlain(s)
}

// marshalPlain is json.Marshal without escapes for HTML.
func marshalPlain(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte{'\n'}), nil
}

func decodeInt(raw []byte) (int32, error) {
	n, err := strconv.ParseInt(string(raw), 10, 32)
	if err != nil {
		return 0, badShape("want a 32-bit integer")
	}
	return int32(n), nil
}

func encodeInt(n int32) ([]byte, error) { return strconv.AppendInt(nil, int64(n), 10), nil }

func decodeBlob(raw []byte) ([]byte, error) {
	s, err := decodeString(raw)
	if err != nil {
		return nil, err
	}
	if strings.ContainsAny(s, "\r\n") { // which the decoder would skip
		return nil, badShape("not base64: contains a line break")
	}
	data, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return nil, badShape("not base64: %v", err)
	}
	return data, nil
}

func encodeBlob(data []byte) []byte {
	out := make([]byte, 1, base64.StdEncoding.EncodedLen(len(data))+2)
	out[0] = '"'
	out = base64.StdEncoding.AppendEncode(out, data)
	return append(out, '"')
}
