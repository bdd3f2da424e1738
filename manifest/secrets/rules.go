package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
)

// rule is a token that begins with a prefix of its own, after a byte that is
// no letter, digit or underscore.
type rule struct {
	name     string
	prefix   string
	chars    *set // that follow the prefix; nil: any
	min, max int  // of them; max 0: as many as there are, up to longest
	guess    bool // its looks decide, so that another rule of the place is better
	// check says more of what follows; nil: nothing. It returns the length of the
	// secret from there on, 0 for none.
	check func(body string) int
	// pair finds what makes a token at i a secret near it; nil: the token is one.
	pair func(text []byte, i, end int) (from, to int, ok bool)
}

// span is how many bytes of the text after the prefix may belong to the token.
func (r *rule) span(rest []byte) int {
	rest = rest[:min(len(rest), longest)]
	if r.chars == nil {
		return len(rest)
	}
	for n, b := range rest {
		if !r.chars[b] {
			return n
		}
	}
	return len(rest)
}

// find decides about the token at i, and says where its secret is.
func (r *rule) find(text []byte, i int, body []byte) (start, end int, ok bool) {
	if len(body) < r.min || r.max > 0 && len(body) > r.max {
		return 0, 0, false
	}
	n := len(body)
	if r.check != nil {
		if n = r.check(string(body)); n == 0 {
			return 0, 0, false
		}
	} else if placeholder(string(body)) || entropy(string(body)) < minTokenEntropy {
		return 0, 0, false
	}
	end = i + len(r.prefix) + n
	if r.pair != nil {
		return r.pair(text, i, end)
	}
	return i, end, true
}

// tokenRules are the rules with a prefix. The forms are those that the issuers
// document, or that their own scanners go by; docs/secrets.md names them.
func tokenRules() []rule {
	var (
		alnum  = newSet("a-zA-Z0-9")
		hex    = newSet("a-f0-9")
		word   = newSet("a-zA-Z0-9_")
		url64  = newSet("a-zA-Z0-9_-")
		dotted = newSet("a-zA-Z0-9_.-")
		std64  = newSet("a-zA-Z0-9+/=")
		upper  = newSet("A-Z0-9")
		bearer = newSet("a-zA-Z0-9._~+/=-")
	)
	rules := []rule{
		{name: "aws-bedrock-key", prefix: "ABSKQmVkcm9ja0FQSUtleS", chars: std64, min: 60},
		{name: "pypi-token", prefix: "pypi-AgEIcHlwaS5vcmc", chars: url64, min: 50},
		{name: "npm-token", prefix: "npm_", chars: alnum, min: 36, max: 36},
		{name: "google-api-key", prefix: "AIza", chars: url64, min: 35, max: 35},
		{name: "google-oauth", prefix: "GOCSPX-", chars: url64, min: 28, max: 28},
		{name: "google-oauth", prefix: "ya29.", chars: url64, min: 40},
		{name: "anthropic-key", prefix: "sk-ant-", chars: url64, min: 80},
		{name: "openai-key", prefix: "sk-", chars: url64, min: 40, check: openAI},
		{name: "huggingface-token", prefix: "hf_", chars: alnum, min: 34, max: 40},
		{name: "slack-webhook", prefix: "https://hooks.slack.com/services/T", chars: newSet("a-zA-Z0-9/"), min: 40},
		{name: "sendgrid-key", prefix: "SG.", chars: dotted, min: 66, max: 66},
		{name: "docker-token", prefix: "dckr_pat_", chars: url64, min: 27, max: 36},
		{name: "docker-token", prefix: "dckr_oat_", chars: url64, min: 27, max: 36},
		{name: "vault-token", prefix: "hvs.", chars: url64, min: 24},
		{name: "vault-token", prefix: "hvb.", chars: url64, min: 90},
		{name: "databricks-token", prefix: "dapi", chars: newSet("a-f0-9-"), min: 32, max: 34},
		{name: "grafana-token", prefix: "glsa_", chars: word, min: 41, max: 41},
		{name: "grafana-token", prefix: "glc_", chars: std64, min: 32},
		{name: "newrelic-key", prefix: "NRAK-", chars: alnum, min: 27, max: 27},
		{name: "postman-key", prefix: "PMAK-", chars: newSet("a-f0-9-"), min: 59, max: 59},
		{name: "pulumi-token", prefix: "pul-", chars: hex, min: 40, max: 40},
		{name: "atlassian-token", prefix: "ATATT3", chars: newSet("a-zA-Z0-9_=-"), min: 100},
		{name: "age-key", prefix: "AGE-SECRET-KEY-1", chars: upper, min: 58, max: 58},
		{name: "azure-storage-key", prefix: "AccountKey=", chars: std64, min: 88, max: 88},
		{name: "azure-shared-key", prefix: "SharedAccessKey=", chars: std64, min: 44, max: 44},
		{name: "private-key", prefix: "-----BEGIN ", check: privateKey},
		{name: "private-key", prefix: "PuTTY-User-Key-File-", check: puttyKey},
		{name: "jwt", prefix: "eyJ", chars: dotted, min: 30, check: webToken},
		{name: "slack-token", prefix: "xapp-", chars: url64, min: 40},
	}
	add := func(name string, chars *set, least, most int, prefixes ...string) {
		for _, p := range prefixes {
			rules = append(rules, rule{name: name, prefix: p, chars: chars, min: least, max: most})
		}
	}
	add("aws-session-token", std64, 100, 0, "IQoJb3JpZ2lu", "FwoGZXIvYXdz", "FQoGZXIvYXdz")
	add("github-token", word, 36, 255, "ghp_", "gho_", "ghu_", "ghs_", "ghr_")
	add("github-token", word, 82, 82, "github_pat_")
	add("gitlab-token", dotted, 20, 300, "glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "gloas-", "glagent-")
	add("slack-token", newSet("a-zA-Z0-9.-"), 24, 0, "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxe-", "xoxe.")
	add("stripe-key", alnum, 24, 0, "sk_live_", "rk_live_", "whsec_")
	add("digitalocean-token", hex, 64, 64, "dop_v1_", "doo_v1_", "dor_v1_")
	add("shopify-token", hex, 32, 32, "shpat_", "shpss_", "shpca_", "shppa_")
	for _, p := range []string{"AKIA", "ASIA"} {
		rules = append(rules, rule{name: "aws-access-key", prefix: p, chars: upper, min: 16, max: 16, pair: awsSecret})
	}
	for _, p := range []string{"Bearer ", "bearer "} {
		rules = append(rules, rule{name: "authorization-header", prefix: p, chars: bearer, min: 20, guess: true, check: looksRandom})
	}
	for _, p := range []string{"Basic ", "basic "} {
		rules = append(rules, rule{name: "authorization-header", prefix: p, chars: std64, min: 12, max: 512, guess: true, check: basicLogin})
	}
	return rules
}

// openAI takes the old form and the newer ones: all hold the base64 of
// "OpenAI", or say what they are for.
func openAI(body string) int {
	newer := strings.HasPrefix(body, "proj-") || strings.HasPrefix(body, "svcacct-") || strings.HasPrefix(body, "admin-")
	if !newer && !strings.Contains(body, "T3BlbkFJ") || placeholder(body) || entropy(body) < 4 {
		return 0
	}
	return len(body)
}

// looksRandom is the check of a token that has no form.
func looksRandom(body string) int {
	if !random(body) {
		return 0
	}
	return len(body)
}

// basicLogin takes a user and a password in base64.
func basicLogin(body string) int {
	data, err := base64.StdEncoding.DecodeString(body)
	if err != nil {
		return 0
	}
	_, password, ok := strings.Cut(string(data), ":")
	if !ok || !printable(password) || !password8(password) {
		return 0
	}
	return len(body)
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// webToken takes three parts, of which the first names an algorithm and the
// last signs. The one that documentation shows everywhere is about John Doe.
func webToken(body string) int {
	parts := strings.Split("eyJ"+body, ".")
	if len(parts) < 3 || len(parts[2]) < 16 {
		return 0
	}
	header, err := base64.RawURLEncoding.DecodeString(parts[0])
	var h struct {
		Alg string `json:"alg"`
	}
	if err != nil || json.Unmarshal(header, &h) != nil || h.Alg == "" || h.Alg == "none" {
		return 0
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || bytes.Contains(payload, []byte("John Doe")) || bytes.Contains(payload, []byte("1234567890")) || placeholder(parts[2]) {
		return 0
	}
	return len(parts[0]) + len(parts[1]) + len(parts[2]) + 2 - len("eyJ")
}

// privateKey takes the blocks of PEM, OpenSSH and PGP, when some of a key is
// there: documentation shows the first line alone, or dots.
func privateKey(body string) int {
	label, rest, ok := strings.Cut(body, "-----")
	label = strings.TrimSuffix(label, " BLOCK")
	if !ok || !strings.HasSuffix(label, "PRIVATE KEY") || len(label) > 40 {
		return 0
	}
	block, _, _ := strings.Cut(rest, "-----END")
	return keyLines(block, len(body)-len(rest)+len(block))
}

// puttyKey takes the files of PuTTY.
func puttyKey(body string) int {
	_, block, ok := strings.Cut(body, "Private-Lines:")
	if !ok {
		return 0
	}
	return keyLines(block, len(body))
}

// keyLines returns n when a line of block is one of a key. Line ends may be
// written as \n, and lines be indented or quoted.
func keyLines(block string, n int) int {
	block = strings.NewReplacer(`\n`, "\n", `\r`, "\n", `\\n`, "\n").Replace(block)
	for line := range strings.FieldsFuncSeq(block, func(r rune) bool { return !isBase64(r) }) {
		if len(line) >= 40 && !placeholder(line) && entropy(line) >= 3.5 {
			return n
		}
	}
	return 0
}

func isBase64(r rune) bool {
	return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '+' || r == '/' || r == '='
}

// pairWindow is how far from an access key its secret is looked for, in bytes:
// some lines of a file of credentials, or a row of a table.
const pairWindow = 400

// awsSecret finds the secret near an access key at i. The id alone opens
// nothing, and is printed in logs and documents.
func awsSecret(text []byte, i, end int) (from, to int, ok bool) {
	lo, hi := max(0, i-pairWindow), min(len(text), end+pairWindow)
	for at := lo; at < hi; {
		n := at
		for n < hi && n-at <= 40 && isBase64(rune(text[n])) && text[n] != '=' {
			n++
		}
		if n-at == 40 && (at == 0 || !isBase64(rune(text[at-1])) || text[at-1] == '=') && awsShaped(string(text[at:n])) {
			return at, n, true
		}
		for n < hi && isBase64(rune(text[n])) && text[n] != '=' {
			n++
		}
		at = n + 1
	}
	return 0, 0, false
}

// awsShaped tells a secret access key from a git hash and from a path.
func awsShaped(s string) bool {
	low, up, digit, _ := classes(s)
	return low > 0 && up > 0 && digit > 0 && !placeholder(s) && entropy(s) >= 4.2
}
