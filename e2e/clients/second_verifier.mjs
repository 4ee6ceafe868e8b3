// SimpleWebAuthn beside the server: reads one ceremony a line, and says whether it would have accepted it.
import { createInterface } from "node:readline";
import { verifyAuthenticationResponse, verifyRegistrationResponse } from "@simplewebauthn/server";

const known = new Map();
for await (const line of createInterface({ input: process.stdin })) {
  const { options, credential, origin } = JSON.parse(line);
  const expected = { response: credential, expectedChallenge: options.challenge, expectedOrigin: origin };
  let said;
  try {
    if (credential.response.attestationObject) {
      const expectedRPID = options.rp.id;
      const requireUserVerification = options.authenticatorSelection.userVerification === "required";
      const { verified, registrationInfo } =
        await verifyRegistrationResponse({ ...expected, expectedRPID, requireUserVerification });
      known.set(credential.id, registrationInfo.credential);
      const { credentialDeviceType, credentialBackedUp } = registrationInfo;
      said = { verified, device: credentialDeviceType, synced: credentialBackedUp };
    } else {
      const requireUserVerification = options.userVerification === "required";
      const { verified, authenticationInfo } = await verifyAuthenticationResponse({
        ...expected, expectedRPID: options.rpId, requireUserVerification, credential: known.get(credential.id),
      });
      said = { verified, device: authenticationInfo.credentialDeviceType };
    }
  } catch (error) {
    said = { verified: false, why: error.message };
  }
  console.log(JSON.stringify(said));
}
