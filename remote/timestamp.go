package remote

import (
	"bytes"
	"math/big"
	"strconv"
	"strings"
	"time"

	"assetsync/internal/lazyregexp"
)

// The seconds of the years 1 to 9999: what RFC 3339 can write.
const (
	firstSecond = -62135596800
	lastSecond  = 253402300799
)

// timestampPattern bounds the work that a hostile number can cause. Its counts make
// it long: it is compiled where a time is read.
var timestampPattern = lazyregexp.New(`^-?[0-9]{1,20}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?$`)

// decodeTime reads epoch seconds as a decimal, never as a float: what is
// written is what is read, down to the nanosecond. Finer digits are cut off
// towards the past.
func decodeTime(raw []byte) (time.Time, error) {
	if t, ok := decodePlainTime(raw); ok {
		return t, nil
	}
	return decodeAnyTime(raw)
}

// decodeAnyTime is decodeTime of all that it takes.
func decodeAnyTime(raw []byte) (time.Time, error) {
	if !timestampPattern().Match(raw) {
		return time.Time{}, badShape("want a number of seconds since 1970")
	}
	value, ok := new(big.Rat).SetString(string(raw))
	if !ok {
		return time.Time{}, badShape("want a number of seconds since 1970")
	}
	if value.Cmp(big.NewRat(firstSecond, 1)) < 0 || value.Cmp(big.NewRat(lastSecond+1, 1)) >= 0 {
		return time.Time{}, badShape("time is outside the years 1 to 9999")
	}
	value.Mul(value, big.NewRat(int64(time.Second), 1))
	nanos := new(big.Int).Div(value.Num(), value.Denom()) // Euclidean: rounds down
	seconds, rest := new(big.Int).DivMod(nanos, big.NewInt(int64(time.Second)), new(big.Int))
	return time.Unix(seconds.Int64(), rest.Int64()).UTC(), nil
}

// decodePlainTime is decodeTime of what a service writes of these years: up to ten
// digits, and up to nine behind a point. It is false for anything else.
func decodePlainTime(raw []byte) (t time.Time, ok bool) {
	whole, part, pointed := bytes.Cut(raw, []byte{'.'})
	if len(whole) > 10 || len(part) > 9 || pointed && len(part) == 0 {
		return t, false
	}
	seconds, ok := digits(whole)
	if !ok {
		return t, false
	}
	if !pointed {
		return time.Unix(seconds, 0).UTC(), true
	}
	nanos, ok := digits(part)
	for range 9 - len(part) {
		nanos *= 10
	}
	return time.Unix(seconds, nanos).UTC(), ok
}

// digits reads a few decimal digits; false where there are none, or anything else.
func digits(text []byte) (n int64, ok bool) {
	for _, c := range text {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, len(text) > 0
}

// encodeTime writes whole seconds, or as many digits as the fraction needs.
func encodeTime(t time.Time) ([]byte, error) {
	seconds, nanos := t.Unix(), int64(t.Nanosecond())
	if seconds < firstSecond || seconds > lastSecond {
		return nil, badShape("time is outside the years 1 to 9999")
	}
	sign := ""
	if seconds < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
		if nanos < 0 {
			seconds, nanos = seconds-1, nanos+int64(time.Second)
		}
	}
	out := sign + strconv.FormatInt(seconds, 10)
	if nanos > 0 {
		digits := strconv.FormatInt(nanos+int64(time.Second), 10)[1:]
		out += "." + strings.TrimRight(digits, "0")
	}
	return []byte(out), nil
}
