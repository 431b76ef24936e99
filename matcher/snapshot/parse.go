package snapshot

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
)

// parseManifest reads the signed lines. Text that Manifest.Text would not have
// written, apart from lines that begin with "x-" at the end, is malformed.
func parseManifest(text string) (*Manifest, error) {
	p := &parser{lines: strings.Split(strings.TrimSuffix(text, "\n"), "\n")}
	if !strings.HasSuffix(text, "\n") {
		return nil, failed(Corrupt, "the manifest's last line does not end")
	}
	if f := p.line("format"); f != format {
		if p.err == nil && strings.HasPrefix(f, "preseal-manifest/") {
			return nil, failed(UnsupportedVersion, "the manifest's format is %.40q, not %q", f, format)
		}
		return nil, failed(Corrupt, "the first line is not %q", "format "+format)
	}
	m := &Manifest{text: text}
	m.Origin = p.name("origin")
	m.Purpose = p.name("purpose")
	m.Version = p.number(p.line("version"), 1, MaxVersion)
	m.Published = p.time("published")
	m.Expires = p.time("expires")
	p.hex(m.Previous[:], p.line("previous"))
	f := p.fields("snapshot", 4)
	p.hex(m.Hash[:], f[0])
	m.Size = int64(p.number(f[1], 1, math.MaxInt64))
	p.hex(m.Head[:], f[2])
	p.hex(m.Tree[:], f[3])
	for p.err == nil && len(p.lines) > 0 && strings.HasPrefix(p.lines[0], "delta ") {
		m.Deltas = append(m.Deltas, p.delta(m))
	}
	m.Distance = int(p.number(p.line("distance"), 0, MaxDistance))
	if p.err == nil && len(p.lines) > 0 && strings.HasPrefix(p.lines[0], "oprf ") {
		f := p.fields("oprf", 2)
		m.OPRF = new(OPRF)
		p.hex(m.OPRF.KeyID[:], f[0])
		p.hex(m.OPRF.PublicKey[:], f[1])
	}
	if life := m.Expires.Sub(m.Published); p.err == nil && (life <= 0 || life > MaxLifetime) {
		p.fail("the lifetime of %s is not within %s", life, MaxLifetime)
	}
	for len(p.lines) > 0 && p.err == nil && !strings.HasPrefix(p.lines[0], "x-") {
		m.Lanes = append(m.Lanes, p.lane(m.Lanes))
	}
	if len(m.Lanes) == 0 {
		p.fail("there is no lane")
	}
	for _, rest := range p.lines {
		if key, _, ok := strings.Cut(rest, " "); !ok || !strings.HasPrefix(key, "x-") {
			p.fail("unknown line %.40q", rest)
		}
	}
	if p.err != nil {
		return nil, p.err
	}
	return m, nil
}

// A parser takes lines off a manifest and keeps the first error.
type parser struct {
	lines []string
	err   error
}

func (p *parser) fail(format string, args ...any) {
	if p.err == nil {
		p.err = failed(Corrupt, "manifest: "+format, args...)
	}
}

// line returns the value of the next line, which must have this key.
func (p *parser) line(key string) string {
	if p.err != nil {
		return ""
	}
	if len(p.lines) == 0 {
		p.fail("the line %q is missing", key)
		return ""
	}
	value, ok := strings.CutPrefix(p.lines[0], key+" ")
	if !ok {
		p.fail("%.40q stands where %q belongs", p.lines[0], key)
		return ""
	}
	p.lines = p.lines[1:]
	return value
}

// name returns a value of printable ASCII without spaces.
func (p *parser) name(key string) string {
	value := p.line(key)
	if p.err == nil && !ValidName(value) {
		p.fail("%s %.40q is not 1 to 200 printable ASCII characters without spaces", key, value)
	}
	return value
}

// ValidName reports whether s can be an origin or a purpose: 1 to 200
// printable ASCII characters without spaces.
func ValidName(s string) bool {
	return len(s) >= 1 && len(s) <= 200 && strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

func (p *parser) number(s string, from, to uint64) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	if p.err == nil && (err != nil || strconv.FormatUint(v, 10) != s || v < from || v > to) {
		p.fail("%.40q is not a number from %d to %d", s, from, to)
	}
	return v
}

func (p *parser) time(key string) time.Time {
	value := p.line(key)
	t, ok := parseStamp(value)
	if p.err == nil && !ok {
		p.fail("%s %.40q is not a time like %s", key, value, stampForm)
	}
	return t
}

func (p *parser) hex(dst []byte, s string) {
	b, err := hex.DecodeString(s)
	if p.err == nil && (err != nil || len(b) != len(dst) || strings.ToLower(s) != s) {
		p.fail("%.80q is not %d bytes of lower-case hexadecimal", s, len(dst))
		return
	}
	copy(dst, b)
}

// fields returns the values of the next line, which must have this key and so many.
func (p *parser) fields(key string, n int) []string {
	f := strings.Split(p.line(key), " ")
	if p.err == nil && len(f) != n {
		p.fail("the line %q has %d values, not %d", key, len(f), n)
	}
	if p.err != nil {
		return make([]string, n)
	}
	return f
}

// delta reads one delta; deltas come in falling order of their versions, from
// different snapshots.
func (p *parser) delta(m *Manifest) DeltaInfo {
	f := p.fields("delta", 4)
	d := DeltaInfo{Version: p.number(f[0], 1, MaxVersion), Size: int64(p.number(f[3], 1, MaxDelta))}
	p.hex(d.Source[:], f[1])
	p.hex(d.Hash[:], f[2])
	before := m.Version
	if n := len(m.Deltas); n > 0 {
		before = m.Deltas[n-1].Version
	}
	if _, twice := m.DeltaFrom(d.Source); twice || d.Version >= before || len(m.Deltas) == MaxDeltas {
		p.fail("the delta from version %d is out of order, given twice, or one too many", d.Version)
	}
	return d
}

// lane reads one lane; lanes come in rising order, each once.
func (p *parser) lane(before []LaneInfo) LaneInfo {
	f := p.fields("lane", 8)
	if p.err != nil {
		return LaneInfo{}
	}
	lane, err := ParseLane(f[0])
	if err != nil {
		p.err = failed(UnsupportedVersion, "manifest: %w", err)
		return LaneInfo{}
	}
	if n := len(before); n > 0 && before[n-1].Lane >= lane {
		p.fail("the lane %s is out of order", lane)
	}
	info := LaneInfo{
		Lane: lane, Capacity: p.number(f[2], 1, maxEntries), Probes: int(p.number(f[4], 1, MaxProbes)), Proof: Proof(f[5]),
		Hit: make([]byte, lane.KeySize()), Miss: make([]byte, lane.KeySize()),
	}
	info.Entries = p.number(f[1], 1, 2*info.Capacity)
	info.Error, err = strconv.ParseFloat(f[3], 64)
	if err != nil || !(info.Error > 0 && info.Error < 1) || strconv.FormatFloat(info.Error, 'g', -1, 64) != f[3] {
		p.fail("the error rate %.40q is not a number between 0 and 1", f[3])
	}
	if ok := info.Proof == Exact; ok != (lane == SHA256) || !ok && info.Proof != SecondHash && (info.Proof != SingleHash || lane == PDQ) {
		p.fail("%.20q is no proof for the lane %s", f[5], lane)
	}
	p.hex(info.Hit, f[6])
	p.hex(info.Miss, f[7])
	return info
}
