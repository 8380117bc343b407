# The image of a release, from its static binary: no shell, no package manager, not root, and nothing is written to its root (run it with
# `--read-only`, or `readOnlyRootFilesystem` as deploy/ does). `scripts/release image` lays out the context: <architecture>/plimsoll.
# gcr.io/distroless/static-debian12:nonroot has CA certificates, time zones, /tmp and the user 65532.
FROM gcr.io/distroless/static-debian12:nonroot@sha256:afa5c872c891853ca7fcf1f12c3edb23f7eeef36189728842dd51042ff57f7ab
ARG TARGETARCH
COPY --chown=0:0 --chmod=0555 ${TARGETARCH}/plimsoll /usr/local/bin/plimsoll
COPY --chown=0:0 --chmod=0444 ${TARGETARCH}/LICENSE /usr/share/doc/plimsoll/LICENSE
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/plimsoll"]
