package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
)

// fingerprintOf stands for program, config, environment and credentials: two
// processes with one fingerprint do the same.
func (a *app) fingerprintOf(config *Config, env Environment) string {
	h := sha256.New()
	say := func(what string, value any) { fmt.Fprintf(h, "%s=%q\n", what, fmt.Sprint(value)) }
	say("version", thisBuild())
	if exe, err := os.Executable(); err == nil {
		if info, err := os.Stat(exe); err == nil {
			say("program", fmt.Sprint(info.Size(), info.ModTime().UnixNano())) // it was built anew
		}
	}
	say("config", config.digest)
	say("dir", config.Dir)
	say("env", fmt.Sprintf("%+v", env))
	say("state", a.stateHome(config))
	for _, name := range credentialVariables {
		value, ok := a.getenv(name)
		say(name, fmt.Sprint(ok, value))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// credentialVariables are what the SDK, and the standard library for it, reads
// to find out who it is and where it goes.
var credentialVariables = []string{
	"HOME", // of ~/.aws
	"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_DEFAULT_PROFILE",
	"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ROLE_ARN",
	"AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
	"AWS_ROLE_SESSION_NAME", "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
	"AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT",
	"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DEVOPS_AGENT", "AWS_ENDPOINT_URL_STS", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
	"AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT",
	"AWS_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy",
}
