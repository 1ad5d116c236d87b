/** The part of http_ece that the tests use: it is the decoder by the author of RFC 8188. */
declare module "http_ece" {
  interface Params {
    version?: "aes128gcm";
    /** 16 bytes. */
    key: Uint8Array;
    /** 16 bytes; random when left out. Read from the body when decrypting. */
    salt?: Uint8Array;
    /** Record size in bytes, tag and delimiter included. */
    rs?: number;
    keyid?: string;
  }
  export function encrypt(plaintext: Buffer, params: Params): Buffer;
  export function decrypt(body: Buffer, params: Params): Buffer;
}
