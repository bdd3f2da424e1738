package secrets

import (
	"math"
	"strings"
)

// set is a set of bytes.
type set [256]bool

// newSet reads ranges as in a bracket: "a-z0-9_-".
func newSet(ranges string) *set {
	var s set
	for i := 0; i < len(ranges); i++ {
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			for b := ranges[i]; b <= ranges[i+2]; b++ {
				s[b] = true
			}
			i += 2
			continue
		}
		s[ranges[i]] = true
	}
	return &s
}

// minTokenEntropy is what a token of a known form has at least, in bits for each
// byte: 32 random hex digits have 3.6 or so, "aaaabbbb…" has less.
const minTokenEntropy = 3

// entropy is Shannon's, in bits for each byte of s.
func entropy(s string) float64 {
	var counts [256]int
	for i := range len(s) {
		counts[s[i]]++
	}
	bits := 0.0
	for _, n := range counts {
		if n > 0 {
			p := float64(n) / float64(len(s))
			bits -= p * math.Log2(p)
		}
	}
	return bits
}

// headLooked is how much of a token is searched for the words of placeholders:
// in a long random text any short word turns up.
const headLooked = 64

// placeholder reports whether s is what documentation puts in the place of a
// secret.
func placeholder(s string) bool {
	s = strings.ToLower(s[:min(len(s), headLooked)])
	for _, sign := range []string{
		"example", "xxxx", "placeholder", "your", "changeme", "change-me", "change_me", "dummy", "redacted", "sample", "insert", "replace",
		"0000000", "1234567", "abcdef", "...", "***", "<", ">", "${", "$(", "{{", "%{", "\u2026", "password", "passw0rd", "p@ssw", "letmein",
		"not-a-real", "notreal", "fake", "mysecret", "my-secret", "my_secret", "mytoken", "my-token", "my_token", "deadbeef",
	} {
		if strings.Contains(s, sign) {
			return true
		}
	}
	return false
}

// reference reports whether s names a place where a secret is, or is the digest
// or the encrypted form of something.
func reference(s string) bool {
	if strings.ContainsRune("$@/~.%#!&*{[<", rune(s[0])) || strings.Contains(s, "://") {
		return true
	}
	for _, begin := range []string{
		"arn:", "http:", "https:", "env:", "file:", "vault:", "ssm:", "kms:", "enc:", "ENC[", "projects/", "resolve:", "secrets.", "process.env", "os.environ",
		"sha1-", "sha256-", "sha384-", "sha512-", "sha1:", "sha256:", "sha384:", "sha512:", "md5:", "data:", "ssh-",
	} {
		if strings.HasPrefix(s, begin) {
			return true
		}
	}
	return uuid(s)
}

func uuid(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdefABCDEF", rune(s[i])) {
			return false
		}
	}
	return true
}

// classes counts the bytes of each class.
func classes(s string) (low, up, digit, other int) {
	for i := range len(s) {
		switch classOf(s[i]) {
		case 'a':
			low++
		case 'A':
			up++
		case '0':
			digit++
		default:
			other++
		}
	}
	return low, up, digit, other
}

func classOf(b byte) byte {
	switch {
	case 'a' <= b && b <= 'z':
		return 'a'
	case 'A' <= b && b <= 'Z':
		return 'A'
	case '0' <= b && b <= '9':
		return '0'
	}
	return '.'
}

const (
	// minRandom is the least length of a value that is judged by its looks:
	// shorter ones are words as often as not.
	minRandom = 10

	// minMixed is the least share of neighbours that change class as in no
	// word, where there are digits. Random letters and digits have 0.35 and
	// more, names such as eks-node-v2 and MyTeamToken2 less than 0.2.
	minMixed = 0.2

	// minMixedLong is the same from longValue bytes on, where the share of
	// random text strays less.
	minMixedLong = 0.15
	longValue    = 20

	// minMixedCase is the same where there are letters only: random ones have
	// 0.5, names such as AWSSecretName 0.35.
	minMixedCase = 0.4
)

// random reports whether a value that a secret's name is given is one: letters
// and digits, mixed as no word or name is.
func random(s string) bool {
	if len(s) < minRandom || reference(s) || placeholder(s) || strings.ContainsAny(s, " \t") || !printable(s) {
		return false
	}
	least, share := 3.0, minMixed
	if len(s) >= 16 {
		least = 3.25
	}
	if len(s) >= longValue {
		share = minMixedLong
	}
	low, up, digit, _ := classes(s)
	switch {
	case digit > 0 && low+up > 0:
		return mixed(s) >= share && entropy(s) >= least
	case low > 0 && up > 0:
		return mixedCase(s) >= minMixedCase && entropy(s) >= least
	}
	return false
}

// mixed is the share of neighbours, a letter and a digit, or half of a small
// letter and a capital. A capital before a small letter does not count: words
// begin like that.
func mixed(s string) float64 {
	n := 0.0
	for i := 1; i < len(s); i++ {
		switch a, b := classOf(s[i-1]), classOf(s[i]); {
		case a == b || a == '.' || b == '.' || a == 'A' && b == 'a':
		case a == 'a' && b == 'A':
			n += 0.5
		default:
			n++
		}
	}
	return n / float64(len(s)-1)
}

// mixedCase is the share of capitals that follow a letter.
func mixedCase(s string) float64 {
	n := 0
	for i := 1; i < len(s); i++ {
		if classOf(s[i]) == 'A' && classOf(s[i-1]) != '.' {
			n++
		}
	}
	return float64(n) / float64(len(s)-1)
}

// password8 reports whether a password beside a user's name is a real one: it
// needs no name that says so, so that it may be shorter.
func password8(s string) bool {
	if len(s) < 8 || reference(s) || placeholder(s) || strings.Contains(strings.ToLower(s), "secret") || strings.HasPrefix(strings.ToLower(s), "pass") {
		return false
	}
	low, up, digit, other := classes(s)
	return low+up > 0 && digit+other > 0 && entropy(s) >= 2.7
}
