package secrets

import (
	"bytes"
	"strings"
)

// The rules without a prefix.
const (
	ruleAssigned = "assigned-secret"
	ruleURL      = "url-with-password"
)

const (
	// maxName is how much of a name before "=" or ":" is looked at.
	maxName = 64
	// maxBlanks is how many blanks may stand around "=" or ":".
	maxBlanks = 32
)

// signs are the bytes around "=" and ":".
type signs struct {
	name   *set // of a name
	before *set // between a name and the sign
	after  *set // between the sign and a value
	bare   *set // that end a bare value
	login  *set // that end the user and password of an address
}

func newSigns() signs {
	return signs{
		name:   newSet("a-zA-Z0-9_.-"),
		before: newSet(" \t\"'`]\\:=?*"),
		after:  newSet(" \t\\>*"),
		bare:   newSet(" \t\r\n\"'`,;&()[]{}<>|\\"),
		login:  newSet("@/?# \t\r\n\"'`<>()|"),
	}
}

// assigned looks for a random value that is given, at i, to a name that says
// that it is secret: password = "…", "api_key": "…", --token=….
func (c *scan) assigned(i int) {
	t := c.text
	if i < c.valued || i+1 < len(t) && t[i+1] == '=' { // inside a value; of := and == the second counts
		return
	}
	name := c.nameBefore(i)
	if name == "" {
		return
	}
	start, value := c.valueAfter(i + 1)
	c.valued = start + len(value)
	if random(string(value)) {
		c.hits = append(c.hits, hit{start, start + len(value), ruleAssigned, name + " = ***", true})
	}
}

// nameBefore returns the name before i when it says that its value is secret.
func (c *scan) nameBefore(i int) string {
	name, at := c.nameEnding(i)
	if name == "" || secretName(name) {
		return name
	}
	// password: str = "…": the name stands before its type.
	if at > 0 && c.text[i] == '=' && strings.TrimLeft(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
		for at > 0 && c.text[at-1] == ' ' {
			at--
		}
		if at > 0 && c.text[at-1] == ':' {
			if name, _ = c.nameEnding(at - 1); secretName(name) {
				return name
			}
		}
	}
	return ""
}

// nameEnding returns the name that ends before i, and where it begins. Quotes,
// brackets and blanks may stand between.
func (c *scan) nameEnding(i int) (string, int) {
	t, end := c.text, i
	for end > 0 && i-end < maxBlanks && c.signs.before[t[end-1]] {
		end--
	}
	start := end
	for start > 0 && end-start < maxName && c.signs.name[t[start-1]] {
		start--
	}
	return string(t[start:end]), start
}

// valueAfter returns the value that begins at or after i, and its place: to the
// closing quote, or to a byte that ends a bare word. What goes on as a call or
// an index is no value.
func (c *scan) valueAfter(i int) (int, []byte) {
	t := c.text
	for most := i + maxBlanks; i < len(t) && i < most && c.signs.after[t[i]]; {
		i++
	}
	var quote byte
	if i < len(t) && (t[i] == '"' || t[i] == '\'' || t[i] == '`') {
		quote = t[i]
		i++
	}
	end := i
	for end < len(t) && end-i < longest && !c.endsValue(t[end], quote) {
		end++
	}
	if end < len(t) && (t[end] == '(' || t[end] == '[') {
		return end, nil
	}
	return i, bytes.TrimRight(t[i:end], `\`)
}

func (c *scan) endsValue(b, quote byte) bool {
	if quote == 0 {
		return c.signs.bare[b]
	}
	return b == quote || b == '\n' || b == '\r'
}

// secretName reports whether a name says that its value is secret: by how it
// ends, so that token_url, secretName and max_tokens do not.
func secretName(name string) bool {
	var buf [maxName]byte
	letters := buf[:0]
	for i := range len(name) {
		if b := name[i]; classOf(b) != '.' {
			letters = append(letters, b|0x20) // small; digits stay
		}
	}
	plain := string(bytes.TrimRight(letters, "0123456789"))
	for _, public := range []string{
		"nexttoken", "pagetoken", "paginationtoken", "continuationtoken", "startingtoken", "clienttoken",
		"requesttoken", "idempotencytoken", "synctoken", "tasktoken", "marktoken", "resumetoken",
	} {
		if strings.HasSuffix(plain, public) {
			return false
		}
	}
	for _, end := range []string{
		"password", "passwd", "passphrase", "pwd", "secret", "secretkey", "secretaccesskey", "secretstring", "token",
		"apikey", "accesskey", "authkey", "privatekey", "signingkey", "encryptionkey", "masterkey", "accountkey", "credential", "credentials",
	} {
		if strings.HasSuffix(plain, end) {
			return true
		}
	}
	return false
}

// maxLogin is how long user and password of an address may be together.
const maxLogin = 512

// maxScheme is how much of what stands before "://" is shown.
const maxScheme = 16

// url looks for an address with user and password at its ":".
func (c *scan) url(i int) {
	t := c.text
	if i == 0 || !c.signs.name[t[i-1]] || !bytes.HasPrefix(t[i:], []byte("://")) {
		return
	}
	from := i + len("://")
	rest := t[from:min(len(t), from+maxLogin)]
	end := 0
	for end < len(rest) && !c.signs.login[rest[end]] {
		end++
	}
	if end == len(rest) || rest[end] != '@' {
		return
	}
	_, password, ok := strings.Cut(string(rest[:end]), ":")
	host := string(t[from+end+1 : min(len(t), from+end+1+maxName)])
	if !ok || !password8(password) || ownHost(host) {
		return
	}
	begin := i
	for begin > 0 && i-begin < maxScheme && c.signs.name[t[begin-1]] {
		begin--
	}
	scheme := string(t[begin:i])
	c.hits = append(c.hits, hit{from + end - len(password), from + end, ruleURL, scheme + "://***", true})
}

// ownHost reports whether a host is the machine itself, or documentation's.
func ownHost(host string) bool {
	host = strings.ToLower(host)
	for _, own := range []string{"localhost", "127.", "0.0.0.0", "[::1]", "host:", "host/", "hostname"} {
		if strings.HasPrefix(host, own) {
			return true
		}
	}
	return strings.Contains(host, "example")
}
