package emulator

import (
	"bufio"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
)

// What a signature must name, and how far its clock may be off.
const (
	sigAlgorithm  = "AWS4-HMAC-SHA256"
	sigService    = "aidevops"
	sigTerminator = "aws4_request"
	sigTime       = "20060102T150405Z"
	sigSkew       = 5 * time.Minute // AWS "Signature Version 4": requests are valid for 5 minutes
)

// Credential is a key that may sign.
type Credential struct {
	KeyID  string
	Secret string
	Token  string // session token; "" for a long-lived key
}

// String keeps the secret out of logs.
func (c Credential) String() string { return "credential " + c.KeyID }

// ParseCredentialsFile reads one KEY:SECRET or KEY:SECRET:TOKEN a line.
// Empty lines and lines that begin with # are passed over. An error names
// the line and never a secret.
func ParseCredentialsFile(r io.Reader) ([]Credential, error) {
	var out []Credential
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(scanner.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		parts := strings.SplitN(line, ":", 3)
		if len(parts) < 2 || slices.Contains(parts, "") {
			return nil, fmt.Errorf("read credentials: line %d: want KEY:SECRET or KEY:SECRET:TOKEN", n)
		}
		c := Credential{KeyID: parts[0], Secret: parts[1]}
		if len(parts) == 3 {
			c.Token = parts[2]
		}
		if slices.ContainsFunc(out, func(o Credential) bool { return o.KeyID == c.KeyID }) {
			return nil, fmt.Errorf("read credentials: line %d: key %s occurs twice", n, c.KeyID)
		}
		out = append(out, c)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("read credentials: %w", err)
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("read credentials: no KEY:SECRET line")
	}
	return out, nil
}

// authorization is a parsed Authorization header.
type authorization struct {
	key, date, region, service, terminator string
	signed                                 []string
	signature                              string
}

// verify checks the signature of a request and returns the key's id.
func verify(r *http.Request, body []byte, known []Credential, now time.Time) (string, error) {
	header := r.Header.Get("Authorization")
	if header == "" {
		return "", frontDoor(http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	auth, ok := parseAuthorization(header)
	if !ok {
		return "", frontDoor(http.StatusForbidden, "IncompleteSignatureException", "the Authorization header is not of Signature Version 4")
	}
	i := slices.IndexFunc(known, func(c Credential) bool { return c.KeyID == auth.key })
	if i < 0 || subtle.ConstantTimeCompare([]byte(known[i].Token), []byte(r.Header.Get("X-Amz-Security-Token"))) != 1 {
		return "", frontDoor(http.StatusForbidden, "UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if reason := auth.fault(r, body, now); reason != "" {
		return "", badSignature(reason)
	}
	want := auth.sign(known[i].Secret, r, body)
	if subtle.ConstantTimeCompare([]byte(want), []byte(auth.signature)) != 1 {
		return "", badSignature("The request signature we calculated does not match the signature you provided.")
	}
	return auth.key, nil
}

func badSignature(reason string) error {
	return frontDoor(http.StatusForbidden, "InvalidSignatureException", reason)
}

func parseAuthorization(header string) (a authorization, ok bool) {
	rest, ok := strings.CutPrefix(header, sigAlgorithm+" ")
	if !ok {
		return a, false
	}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		switch name {
		case "Credential":
			scope := strings.Split(value, "/")
			if len(scope) != 5 {
				return a, false
			}
			a.key, a.date, a.region, a.service, a.terminator = scope[0], scope[1], scope[2], scope[3], scope[4]
		case "SignedHeaders":
			a.signed = strings.Split(value, ";")
		case "Signature":
			a.signature = value
		}
	}
	return a, a.key != "" && a.signed != nil && a.signature != ""
}

// fault says what is wrong with a request besides its signature, or nothing.
func (a authorization) fault(r *http.Request, body []byte, now time.Time) string {
	stamp := r.Header.Get("X-Amz-Date")
	at, err := time.Parse(sigTime, stamp)
	switch {
	case err != nil:
		return "X-Amz-Date is missing or not a time"
	case a.date != stamp[:len("20060102")]:
		return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP"
	case a.service != sigService || a.terminator != sigTerminator || a.region == "":
		return "Credential should be scoped to correct service: '" + sigService + "'."
	case at.Before(now.Add(-sigSkew)):
		return "Signature expired: " + stamp + " is now earlier than " + now.Add(-sigSkew).UTC().Format(sigTime)
	case at.After(now.Add(sigSkew)):
		return "Signature not yet current: " + stamp + " is still later than " + now.Add(sigSkew).UTC().Format(sigTime)
	case !slices.Contains(a.signed, "host") || !slices.IsSorted(a.signed):
		return "'Host' must be a 'SignedHeader' in the AWS Authorization."
	}
	for name := range r.Header {
		if name = strings.ToLower(name); strings.HasPrefix(name, "x-amz-") && !slices.Contains(a.signed, name) {
			return "'" + name + "' must be a 'SignedHeader' in the AWS Authorization."
		}
	}
	if sent := r.Header.Get("X-Amz-Content-Sha256"); sent != "" && sent != hexSum(body) {
		return "The provided 'x-amz-content-sha256' header does not match what was computed."
	}
	return ""
}

// sign computes the signature that a request should carry.
func (a authorization) sign(secret string, r *http.Request, body []byte) string {
	scope := strings.Join([]string{a.date, a.region, a.service, a.terminator}, "/")
	toSign := strings.Join([]string{sigAlgorithm, r.Header.Get("X-Amz-Date"), scope, hexSum([]byte(a.canonicalRequest(r, body)))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, a.terminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, toSign))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func (a authorization) canonicalRequest(r *http.Request, body []byte) string {
	var headers strings.Builder
	for _, name := range a.signed {
		headers.WriteString(name + ":" + headerValue(r, name) + "\n")
	}
	return strings.Join([]string{
		r.Method, canonicalPath(r.URL), canonicalQuery(r.URL), headers.String(), strings.Join(a.signed, ";"), hexSum(body),
	}, "\n")
}

// headerValue is a header as it is signed. net/http moves two of them out of
// the map.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	var values []string
	for _, v := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(v), " "))
	}
	return strings.Join(values, ",")
}

// canonicalPath encodes the path as it was sent once more, after squeezing
// empty and dot segments.
func canonicalPath(u *url.URL) string {
	sent := u.EscapedPath()
	clean := path.Clean("/" + sent)
	if strings.HasSuffix(sent, "/") && clean != "/" {
		clean += "/"
	}
	return percentEncode(clean, true)
}

// canonicalQuery sorts the parameters by their encoded names and values.
func canonicalQuery(u *url.URL) string {
	var pairs []string
	for name, values := range u.Query() {
		for _, v := range values {
			pairs = append(pairs, percentEncode(name, false)+"="+percentEncode(v, false))
		}
	}
	slices.Sort(pairs)
	return strings.Join(pairs, "&")
}

// percentEncode encodes every byte outside RFC 3986 unreserved.
func percentEncode(s string, keepSlash bool) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9',
			c == '-', c == '.', c == '_', c == '~', c == '/' && keepSlash:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
