# A small image of the daemon: its one file on a base that has glibc and certificates, and neither
# a shell nor a package manager.
#
#   docker build -t partyline .
#   docker run -d -p 8080:8080 --read-only --cap-drop=ALL --security-opt=no-new-privileges \
#       -v partyline:/var/lib/partyline \
#       -v "$PWD/config:/var/lib/partyline/config:ro" partyline
#
# The configuration is config/partyline.toml in the mounted folder, or the environment alone
# (--env-file with PARTYLINE_TWILIO__AUTH_TOKEN=… and so on).

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
# The caches keep what was built between two builds of the image.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --package partyline \
    && cp target/release/partyline /partyline \
    && mkdir /empty

FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /partyline /usr/local/bin/partyline
# What the daemon keeps: config/ is read from here, data/ is written (store.url = "sled:data").
COPY --from=build --chown=nonroot:nonroot /empty /var/lib/partyline
WORKDIR /var/lib/partyline
VOLUME /var/lib/partyline
# A container's own loopback cannot be reached from outside.
ENV PARTYLINE_HTTP__LISTEN=0.0.0.0:8080
EXPOSE 8080
USER nonroot
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["/usr/local/bin/partyline", "health", "--url", "http://127.0.0.1:8080"]
# The daemon takes up to 20 seconds to end what is under way.
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/partyline"]
CMD ["run"]
