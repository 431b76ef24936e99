package main

import (
	"crypto/sha256"
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/preseal/preseal/matcher/snapshot"
	"github.com/preseal/preseal/matcher/snapshot/zstd"
)

// A release is a snapshot of random keys as it would be published.
type release struct {
	file     []byte
	manifest *snapshot.Manifest
	opened   *snapshot.Snapshot
}

// publishRandom builds a snapshot of one lane, which is phash whatever l says, since its keys are the shortest. It
// continues base unless that is nil.
func publishRandom(l snapshot.LaneKeys, base *release) (*release, error) {
	l.Lane = snapshot.PHash
	now := time.Now()
	spec := snapshot.Spec{
		Origin: "random", Version: 1, Published: now, Expires: now.Add(time.Hour), Lanes: []snapshot.LaneKeys{l}, Compress: zstd.Compress,
	}
	if base != nil {
		spec.Version, spec.Base = base.manifest.Version+1, base.opened
	}
	r := new(release)
	var err error
	if r.file, r.manifest, err = snapshot.Build(spec); err != nil {
		return nil, err
	}
	r.opened, err = snapshot.Open(r.file, r.manifest, zstd.Decompress)
	return r, err
}

// The update that is measured.
const updateAdded, updateRemoved = 1000, 500

// publishUpdate publishes n random keys, then updateAdded more and updateRemoved fewer, and the delta between them.
func publishUpdate(n int, errorRate float64) (from, to *release, delta []byte, err error) {
	keys := randomKeys(1, n+updateAdded)
	if from, err = publishRandom(snapshot.LaneKeys{Hashes: keys[:8*n], Error: errorRate}, nil); err != nil {
		return nil, nil, nil, err
	}
	if to, err = publishRandom(snapshot.LaneKeys{Hashes: keys[8*updateRemoved:]}, from); err != nil {
		return nil, nil, nil, err
	}
	if delta, err = snapshot.MakeDelta(from.opened, to.opened); err != nil {
		return nil, nil, nil, err
	}
	to.manifest.Deltas = []snapshot.DeltaInfo{{
		Version: from.manifest.Version, Source: from.manifest.Hash, Hash: sha256.Sum256(delta), Size: int64(len(delta)),
	}}
	return from, to, delta, nil
}

// publishOutputs makes a snapshot of as many outputs of the private confirmation, and hardly anything else.
func publishOutputs(flat []byte, base *snapshot.Snapshot) (*snapshot.Snapshot, error) {
	spec := snapshot.OutputsSpec{Outputs: make([]uint64, 0, len(flat)/8)}
	for y := range slices.Chunk(flat, 8) {
		spec.Outputs = append(spec.Outputs, binary.BigEndian.Uint64(y))
	}
	now, version := time.Now(), uint64(1)
	if base != nil {
		version++
	}
	file, m, err := snapshot.Build(snapshot.Spec{
		Origin: "bench", Version: version, Published: now, Expires: now.Add(time.Hour), Outputs: &spec, Base: base,
		Lanes: []snapshot.LaneKeys{{Lane: snapshot.SHA256, Hashes: make([]byte, 32)}},
	})
	if err != nil {
		return nil, err
	}
	return snapshot.Open(file, m, nil)
}

// randomKeys returns keys of 8 bytes one after the other, the same for the same seed.
func randomKeys(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 0))
	keys := make([]byte, 0, 8*n)
	for range n {
		keys = binary.BigEndian.AppendUint64(keys, r.Uint64())
	}
	return keys
}
