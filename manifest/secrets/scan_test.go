package secrets

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// rnd returns n random signs of an alphabet, the same for each seed. No secret
// stands in this file, so that no scanner of others stops at it.
func rnd(seed uint64, n int, alphabet string) string {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	lowers = "abcdefghijklmnopqrstuvwxyz"
	uppers = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits = "0123456789"
	alnums = lowers + uppers + digits
	hexes  = "0123456789abcdef"
	url64s = alnums + "_-"
	std64s = alnums + "+/"
)

func keyID() string      { return "AKIA" + rnd(3, 16, uppers+"234567") }
func awsSecret1() string { return rnd(4, 40, std64s) }

func jwtOf(header, payload string) string {
	e := base64.RawURLEncoding
	return e.EncodeToString([]byte(header)) + "." + e.EncodeToString([]byte(payload)) + "." + rnd(5, 43, url64s)
}

func pemOf(label, body string) string {
	return "-----BEGIN " + label + "-----\n" + body + "\n-----END " + label + "-----\n"
}

type scanTest struct {
	name, text string
	rule       string // "" for none
	line       int
}

func hits() []scanTest {
	key := rnd(6, 64, std64s) + "\n" + rnd(7, 64, std64s)
	return []scanTest{
		{"aws keys in an ini file", "[default]\naws_access_key_id = " + keyID() + "\naws_secret_access_key = " + awsSecret1() + "\n", "aws-access-key", 3},
		{"aws keys in a table", "Access key ID,Secret access key\n" + keyID() + "," + awsSecret1() + "\n", "aws-access-key", 2},
		{"aws keys of a role", "ASIA" + keyID()[4:] + " " + awsSecret1(), "aws-access-key", 1},
		{"aws secret alone", "export AWS_SECRET_ACCESS_KEY=" + awsSecret1(), ruleAssigned, 1},
		{"aws session token", `"SessionToken": "IQoJb3JpZ2lu` + rnd(8, 400, std64s) + `"`, "aws-session-token", 1},
		{"older aws session token", "FwoGZXIvYXdz" + rnd(8, 300, std64s), "aws-session-token", 1},
		{"bedrock key", "ABSKQmVkcm9ja0FQSUtleS" + rnd(9, 100, std64s), "aws-bedrock-key", 1},
		{"github classic", "git clone with gh" + "p_" + rnd(10, 36, alnums) + " now", "github-token", 1},
		{"github fine-grained", "github" + "_pat_" + rnd(11, 22, alnums) + "_" + rnd(12, 59, alnums), "github-token", 1},
		{"gitlab", "\n\ntoken is gl" + "pat-" + rnd(13, 20, url64s), "gitlab-token", 3},
		{"slack bot", "xo" + "xb-123456789012-123456789013-" + rnd(14, 24, alnums), "", 0}, // documentation's numbers
		{"slack bot of a real team", "xo" + "xb-831746205917-940275318462-" + rnd(14, 24, alnums), "slack-token", 1},
		{"slack app", "xa" + "pp-1-A0" + rnd(15, 60, digits+"abcdef"), "slack-token", 1},
		{"slack webhook", "https://hooks.slack" + ".com/services/T" + rnd(16, 8, uppers) + "/B" + rnd(17, 8, uppers) + "/" + rnd(18, 24, alnums), "slack-webhook", 1},
		{"stripe", "sk" + "_live_" + rnd(19, 24, alnums), "stripe-key", 1},
		{"google api key", "AI" + "za" + rnd(20, 35, url64s), "google-api-key", 1},
		{"google client secret", "GOC" + "SPX-" + rnd(21, 28, url64s), "google-oauth", 1},
		{"npm", "//registry.example.org/:_authToken=np" + "m_" + rnd(22, 36, alnums), "npm-token", 1},
		{"pypi", "pypi-" + "AgEIcHlwaS5vcmc" + rnd(23, 120, url64s), "pypi-token", 1},
		{"anthropic", "ANTHROPIC_API_KEY=sk-" + "ant-api03-" + rnd(24, 95, url64s), "anthropic-key", 1},
		{"openai old", "sk-" + rnd(25, 20, alnums) + "T3Blbk" + "FJ" + rnd(26, 20, alnums), "openai-key", 1},
		{"openai project", "sk-" + "proj-" + rnd(27, 74, url64s), "openai-key", 1},
		{"hugging face", "hf" + "_" + rnd(28, 34, alnums), "huggingface-token", 1},
		{"sendgrid", "S" + "G." + rnd(29, 22, url64s) + "." + rnd(30, 43, url64s), "sendgrid-key", 1},
		{"docker", "dckr" + "_pat_" + rnd(31, 27, url64s), "docker-token", 1},
		{"vault", "hv" + "s." + rnd(32, 90, url64s), "vault-token", 1},
		{"databricks", "da" + "pi" + rnd(33, 32, hexes), "databricks-token", 1},
		{"grafana", "gl" + "sa_" + rnd(34, 32, alnums) + "_" + rnd(35, 8, hexes), "grafana-token", 1},
		{"newrelic", "NR" + "AK-" + rnd(36, 27, uppers+digits), "newrelic-key", 1},
		{"postman", "PM" + "AK-" + rnd(37, 24, hexes) + "-" + rnd(38, 34, hexes), "postman-key", 1},
		{"pulumi", "pu" + "l-" + rnd(39, 40, hexes), "pulumi-token", 1},
		{"atlassian", "ATA" + "TT3xFfGF0" + rnd(40, 180, url64s), "atlassian-token", 1},
		{"age", "AGE-SECRET-" + "KEY-1" + rnd(41, 58, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"), "age-key", 1},
		{"azure storage", "DefaultEndpointsProtocol=https;AccountName=logs;Account" + "Key=" + rnd(42, 86, std64s) + "==;EndpointSuffix=core.windows.net", "azure-storage-key", 1},
		{"azure service bus", "SharedAccessKeyName=root;SharedAccess" + "Key=" + rnd(43, 43, std64s) + "=", "azure-shared-key", 1},
		{"digitalocean", "do" + "p_v1_" + rnd(44, 64, hexes), "digitalocean-token", 1},
		{"shopify", "shp" + "at_" + rnd(45, 32, hexes), "shopify-token", 1},
		{"jwt", "curl -H 'X-Auth: " + jwtOf(`{"alg":"RS256","typ":"JWT"}`, `{"sub":"ops@corp.internal","exp":1790000000}`) + "'", "jwt", 1},
		{"pem", "text\n" + pemOf("RSA PRIVATE"+" KEY", key), "private-key", 2},
		{"openssh", pemOf("OPENSSH PRIVATE"+" KEY", key), "private-key", 1},
		{"pgp", pemOf("PGP PRIVATE"+" KEY BLOCK", "Version: GnuPG v2\n\n"+key), "private-key", 1},
		{"encrypted pem", pemOf("RSA PRIVATE"+" KEY", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"+key), "private-key", 1},
		{"pem in json", `{"private_key": "-----BEGIN PRIVATE` + ` KEY-----\n` + strings.ReplaceAll(key, "\n", `\n`) + `\n-----END PRIVATE KEY-----\n"}`, "private-key", 1},
		{"pem indented in yaml", "key: |\n  -----BEGIN EC PRIVATE" + " KEY-----\n  " + rnd(6, 64, std64s) + "\n  -----END EC PRIVATE KEY-----\n", "private-key", 2},
		{"putty", "PuTTY-User-Key-" + "File-3: ssh-ed25519\nEncryption: none\nPrivate-Lines: 1\n" + rnd(46, 48, std64s) + "\n", "private-key", 1},
		{"bearer", "Authorization: Bearer " + rnd(47, 40, alnums), "authorization-header", 1},
		{"basic login", "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ops:"+rnd(48, 14, alnums))), "authorization-header", 1},
		{"password in an address", "DATABASE_URL=postgres://app:" + rnd(49, 16, alnums) + "@db.corp.internal:5432/app", ruleURL, 1},
		{"short password in an address", "redis://:s3" + "cr3t9w@cache.corp.internal", ruleURL, 1},
		{"password in yaml", "db:\n  password: " + rnd(50, 16, alnums) + "\n", ruleAssigned, 2},
		{"password in json", `{"dbPassword":"` + rnd(51, 20, alnums+"!#%") + `"}`, ruleAssigned, 1},
		{"json in a string", `"{\"password\": \"` + rnd(51, 20, alnums) + `\"}"`, ruleAssigned, 1},
		{"secret in go", `clientSecret := "` + rnd(52, 32, alnums) + `"`, ruleAssigned, 1},
		{"typed in python", `api_key: str = "` + rnd(53, 32, alnums) + `"`, ruleAssigned, 1},
		{"in ruby", `:auth_token => '` + rnd(54, 24, alnums) + `'`, ruleAssigned, 1},
		{"hex", "SECRET_KEY='" + rnd(55, 32, hexes) + "'", ruleAssigned, 1},
		{"flag", "tool --token=" + rnd(56, 24, lowers+digits), ruleAssigned, 1},
		{"after an index", `env["API_TOKEN"] = "` + rnd(57, 24, alnums) + `"`, ruleAssigned, 1},
		{"utf-16 of PowerShell", utf16Of("x\r\n$password = '" + rnd(58, 20, alnums) + "'\r\n"), ruleAssigned, 2},
		{"token in a binary", "\x00\x01\x02 gh" + "p_" + rnd(10, 36, alnums) + "\x00", "github-token", 1},
	}
}

func utf16Of(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = binary.LittleEndian.AppendUint16(out, u)
	}
	return string(out)
}

func misses() []scanTest {
	var out []scanTest
	for name, text := range map[string]string{
		"documentation's aws keys":      "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
		"an access key alone":           "look for " + keyID() + " in the trail",
		"access key and a commit":       keyID() + " was removed in " + rnd(60, 40, hexes),
		"access key and a long hash":    keyID() + " " + rnd(60, 64, hexes),
		"angle brackets":                "token: <your-token>\npassword = <PASSWORD-1a2B3c4D>\n",
		"xs":                            "ghp_" + strings.Repeat("x", 36) + "\napi_key: xxxxxxxx1xxxxX2\n",
		"variables":                     "password: ${DB_PASSWORD_1aB2}\ntoken: $TOKEN1a2B3c4D\nsecret = {{ .Values.secret1A2b }}\npw=%(secret)s\n",
		"actions":                       "github-token: ${{ secrets.GITHUB_TOKEN }}",
		"arn":                           "secret: arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbC1d2\nSecretArn=arn:aws:x",
		"ssm":                           "password: '{{resolve:ssm-secure:db1:Aa2Bb3}}'",
		"git hash":                      "commit: " + rnd(61, 40, hexes) + "\nref " + rnd(62, 40, hexes),
		"uuid":                          "token: 5b1c9f3a-77aa-4a0e-8c54-1f2e3d4c5b6a",
		"image":                         "![x](data:image/png;base64," + rnd(63, 4000, std64s) + ")",
		"npm lock":                      `"integrity": "sha512-` + rnd(64, 86, std64s) + `==",`,
		"go.sum":                        "golang.org/x/net v0.1.0 h1:" + rnd(65, 43, std64s) + "=",
		"digest of an image":            "image: app@sha256:" + rnd(66, 64, hexes),
		"pinned secret digest":          "secret: sha256:" + rnd(66, 64, hexes),
		"counts":                        "max_tokens: 4096\ntoken_count = 1234567890123\n",
		"names of secrets":              "secretName: my-app-tls-2024\nsecret: eks-node-v2-key1\ntoken: MyTeamToken2\n",
		"pages":                         "NextToken: " + rnd(67, 40, alnums) + "\nclientToken=" + rnd(67, 40, alnums),
		"calls":                         "password = get_secret1(\"db\")\ntoken=os.environ[\"T0k3nA1b2\"]\nsecret := fetchV2x3Y4(ctx)",
		"paths":                         "password_file = /run/secrets/db1A2b3C\ntoken: ./t0k3n/A1b2C3d4\n",
		"addresses":                     "token: https://sts.eu-west-1.amazonaws.com/1A2b3C",
		"address of documentation":      "postgres://user:password@db.corp.internal/app\npostgres://app:s3cr3tPw99@localhost/app\nhttps://u:p4ssw0rd9x@api.example.com/",
		"address with variables":        "https://${USER}:${PASS1a2b}@host.corp.internal",
		"address without a login":       "http://a.b:8080/x@1A2b3c4D",
		"words":                         "password: correct horse battery staple\nThe secret: there is none.\nToken: the unit of text.",
		"weak":                          "password: Password123!\npassword: hunter2\nsecret = changeme\n",
		"header alone":                  "-----BEGIN RSA PRIVATE" + " KEY-----\n...\n-----END RSA PRIVATE KEY-----\n",
		"header with the start of keys": "-----BEGIN PRIVATE" + " KEY-----\nMIIEvQIBADANBg...\n-----END PRIVATE KEY-----\n",
		"header in words":               "looks for `-----BEGIN PRIVATE" + " KEY-----` in files; " + rnd(68, 80, std64s)[:20],
		"public key":                    pemOf("PUBLIC KEY", rnd(69, 64, std64s)) + pemOf("CERTIFICATE", rnd(70, 64, std64s)),
		"jwt of jwt.io":                 jwtOf(`{"alg":"HS256","typ":"JWT"}`, `{"sub":"1234567890","name":"John Doe","iat":1516239022}`),
		"jwt without a signature":       "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.",
		"base64 json":                   "next: eyJ" + rnd(71, 60, alnums),
		"stripe test key":               "sk_test_" + rnd(72, 24, alnums),
		"short prefix":                  "ghp_short, glpat-x, sk-ant-, npm_config_registry, hf_hub_download, AIzaShort, pul-request, dapi.py, SG.1",
		"prefix inside a word":          "xghp_" + rnd(73, 36, alnums) + " task-" + rnd(74, 50, lowers),
		"css and slugs":                 "ask-proj-" + rnd(75, 30, lowers) + " sk-" + strings.Repeat("spinner-", 8),
		"bearer placeholder":            "Authorization: Bearer $TOKEN\nAuthorization: Bearer <token>\nBearer authenticationtokensareused",
		"basic in words":                "Basic authentication, Basic understanding1234 and basic QWxhZGRpbjpvcGVuIHNlc2FtZQ is no login",
		"kms ciphertext":                "password: ENC[AES256_GCM,data:" + rnd(76, 20, std64s) + "]",
		"comparison":                    "if token == nil || secret != previousV2a3 {",
		"azure without a key":           "AccountKey=<key>;SharedAccessKey=${KEY}",
		"docker and vault in words":     "hvs.yaml hvb.go dckr_pat_YOUR_TOKEN_HERE_0123456789 glsa_xxx",
		"age recipient":                 "age1" + rnd(77, 58, lowers+digits),
		"dates and versions":            "token: 2026-01-01T00:00:00Z\nsecret: v1.2.3-beta4\n",
		"slack in words":                "xoxb-your-token-goes-here-please xapp-1-your-app-level-token-goes-here-1234 https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX",
		"nulls":                         "\x00password=" + rnd(78, 20, alnums),
		"empty":                         "",
	} {
		out = append(out, scanTest{name: name, text: text})
	}
	return out
}

func TestScan(t *testing.T) {
	s := New()
	for _, tt := range append(hits(), misses()...) {
		t.Run(tt.name, func(t *testing.T) {
			got := s.Scan([]byte(tt.text))
			if tt.rule == "" {
				if len(got) > 0 {
					t.Errorf("found %+v", got)
				}
				return
			}
			if len(got) != 1 || got[0].Rule != tt.rule || got[0].Line != tt.line {
				t.Fatalf("found %+v, want %s in line %d", got, tt.rule, tt.line)
			}
			if !strings.HasSuffix(got[0].Excerpt, "***") {
				t.Errorf("excerpt %q", got[0].Excerpt)
			}
			// No part of what is secret, which rnd made.
			for i := 0; i+6 <= len(got[0].Excerpt); i++ {
				if part := got[0].Excerpt[i : i+6]; strings.Count(tt.text, part) > 0 && random(part+part) {
					t.Errorf("excerpt %q holds %q", got[0].Excerpt, part)
				}
			}
		})
	}
}

// TestEveryRuleIsHit keeps a test for each rule, and each rule in the manual.
func TestEveryRuleIsHit(t *testing.T) {
	s := New()
	hit := map[string]bool{}
	for _, tt := range hits() {
		for _, f := range s.Scan([]byte(tt.text)) {
			hit[f.Rule] = true
		}
	}
	manual, err := os.ReadFile("../../docs/secrets.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, rule := range s.Rules() {
		if !hit[rule] {
			t.Errorf("no test finds %s", rule)
		}
		if !strings.Contains(string(manual), "| `"+rule+"` |") {
			t.Errorf("docs/secrets.md lacks a row for %s", rule)
		}
	}
	if rows := strings.Count(string(manual), "\n| `"); rows != len(s.Rules()) {
		t.Errorf("docs/secrets.md has %d rows, there are %d rules", rows, len(s.Rules()))
	}
}

// TestRandomValues wants what password generators make to be found nearly
// always, and words nearly never.
func TestRandomValues(t *testing.T) {
	const n = 2000
	for _, tt := range []struct {
		name, alphabet string
		length, least  int // of n
	}{
		{"16 letters and digits", alnums, 16, n * 95 / 100},
		{"24 letters and digits", alnums, 24, n * 99 / 100},
		{"20 small letters and digits", lowers + digits, 20, n * 93 / 100},
		{"32 hex digits", hexes, 32, n * 95 / 100},
		{"40 of base64", std64s, 40, n * 97 / 100},
	} {
		found := 0
		for seed := range uint64(n) {
			if random(rnd(seed, tt.length, tt.alphabet)) {
				found++
			}
		}
		if found < tt.least {
			t.Errorf("%s: %d of %d found, want %d", tt.name, found, n, tt.least)
		}
	}
}

func TestManyFindings(t *testing.T) {
	text := strings.Repeat("gh"+"p_"+rnd(10, 36, alnums)+"\n", 1000)
	got := New().Scan([]byte(text))
	if len(got) != MaxFindings || got[MaxFindings-1].Line != MaxFindings {
		t.Errorf("%d findings, the last %+v", len(got), got[len(got)-1])
	}
}

// TestScanIsLinear scans what would be slow for a scanner that looks at the
// same bytes again and again: twice the bytes may take no more than a few times
// as long.
func TestScanIsLinear(t *testing.T) {
	s := New()
	for name, unit := range map[string]string{
		"one line":            "x",
		"prefixes in a run":   "sk-",
		"dotted prefixes":     "eyJ.",
		"key headers":         "-----BEGIN ",
		"whole key headers":   "-----BEGIN PRIVATE" + " KEY-----",
		"secrets of secrets":  "secret=",
		"quoted":              `secret="`,
		"blanks":              "secret =                             ",
		"addresses":           "a://",
		"addresses, no end":   "a://b:c",
		"colons":              ":",
		"access keys":         keyID() + " ",
		"bearers":             "Bearer ",
		"webhooks":            "https://hooks.slack.com/services/T",
		"account keys":        "AccountKey=",
		"no end of the token": "IQoJb3JpZ2lu",
		"nulls":               "\x00",
		"half runes":          "\xe2\x80",
	} {
		t.Run(name, func(t *testing.T) {
			text := []byte(strings.Repeat(unit, 1<<20/len(unit)))
			start := time.Now()
			s.Scan(text)
			// 1 MiB takes 10 ms; what is not linear takes minutes.
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("took %s", d)
			}
		})
	}
}

func FuzzScan(f *testing.F) {
	for _, tt := range append(hits(), misses()...) {
		f.Add([]byte(tt.text))
	}
	s := New()
	f.Fuzz(func(t *testing.T, data []byte) {
		found := s.Scan(data)
		if len(found) > MaxFindings {
			t.Fatalf("%d findings", len(found))
		}
		lines, last := 1+strings.Count(string(toUTF8(data)), "\n"), 1
		for _, one := range found {
			if one.Line < last || one.Line > lines {
				t.Fatalf("line %d after %d of %d", one.Line, last, lines)
			}
			last = one.Line
			if len(one.Excerpt) > 100 || !strings.HasSuffix(one.Excerpt, "***") || !printable(one.Excerpt) {
				t.Fatalf("excerpt %q", one.Excerpt)
			}
		}
		if again := s.Scan(data); fmt.Sprint(again) != fmt.Sprint(found) {
			t.Fatalf("found %v, then %v", found, again)
		}
	})
}

func BenchmarkScan(b *testing.B) {
	var markdown strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&markdown, "%d. Look at `queue.depth` of service-%d: it is %s when https://console.example.com/q?id=%d says so.\n", i, i%7, rnd(uint64(i), 5, lowers), i)
	}
	for name, text := range map[string]string{
		"markdown": markdown.String(),
		"base64":   rnd(1, 1<<20, std64s),
		"binary":   "\x00" + strings.Repeat(rnd(2, 1<<16, "\x00\x01\x02\xff-:=sgeA"), 16),
	} {
		b.Run(name, func(b *testing.B) {
			s, data := New(), []byte(text)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				s.Scan(data)
			}
		})
	}
}

func TestColumn(t *testing.T) {
	const secret = "gh" + "p_" + "x7Kq2LmN9pR4sT6vW8yZ1aB3cD5eF0gH2iJ4"
	for name, tt := range map[string]struct {
		text         string
		line, column int
	}{
		"begins the file":           {secret, 1, 1},
		"in characters, not bytes":  {"é\nü: " + secret, 2, 4},
		"the second of a long line": {"a\n" + secret + " " + secret, 2, 1},
	} {
		t.Run(name, func(t *testing.T) {
			got := New().Scan([]byte(tt.text))
			if len(got) == 0 || got[0].Line != tt.line || got[0].Column != tt.column {
				t.Errorf("got %v, want %d:%d", got, tt.line, tt.column)
			}
		})
	}
}
